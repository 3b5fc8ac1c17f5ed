// Intervals of ratios and differences, as in the views: see docs/metrics.md. The page computes them for any selection.
"use strict";

callmood.statistics = (() => {
  const Z = 1.959964; // 95 %

  // The t statistic with the tail probability of a normal deviate, and its inverse (Wallace 1959).
  const tFromDeviate = (z, df) => Math.sqrt(df * Math.expm1(((z * (8 * df + 3)) / (8 * df + 1)) ** 2 / df));
  const deviateFromT = (t, df) => (Math.sqrt(df * Math.log1p((t * t) / df)) * (8 * df + 1)) / (8 * df + 3);

  // The normal quantile of an upper tail probability of 0.5 or less (Abramowitz and Stegun 26.2.23).
  function upperQuantile(probability) {
    const t = Math.sqrt(-2 * Math.log(Math.min(probability, 0.5)));
    return t - (2.515517 + t * (0.802853 + t * 0.010328)) / (1 + t * (1.432788 + t * (0.189269 + t * 0.001308)));
  }

  // The variance of a ratio of sums over calls, linearized and clustered by call (Cochran 1977, section 6.4).
  function ratioVariance({ n, weight, value, weightSquares, products, valueSquares }) {
    if (n < 2 || weight <= 0) return null;
    const ratio = value / weight;
    const squares = Math.max(valueSquares - 2 * ratio * products + ratio * ratio * weightSquares, 0);
    return ((squares * n) / (n - 1)) / (weight * weight);
  }

  function interval(value, variance, df, z = Z) {
    const half = Math.sqrt(variance) * tFromDeviate(z, df);
    return { value, low: value - half, high: value + half };
  }

  const isClear = ({ low, high }) => low > 0 || high < 0;

  // The difference of two ratios of sums, with Welch's degrees of freedom; null if either has fewer than two calls.
  function ratioDifference(now, before) {
    const [a, b] = [ratioVariance(now), ratioVariance(before)];
    if (a === null || b === null || a + b === 0) return null;
    const df = (a + b) ** 2 / (a ** 2 / (now.n - 1) + b ** 2 / (before.n - 1));
    const difference = interval(now.value / now.weight - before.value / before.weight, a + b, df);
    return { ...difference, isClear: isClear(difference) };
  }

  // The interval of a share of calls (Wilson 1927).
  function wilson(count, n) {
    const center = (count + (Z * Z) / 2) / (n + Z * Z);
    const half = (Z / (n + Z * Z)) * Math.sqrt((count * (n - count)) / n + (Z * Z) / 4);
    return { value: count / n, low: center - half, high: center + half };
  }

  // The difference of two shares of calls (Newcombe 1998, method 10); null without calls.
  function shareDifference(count, n, countBefore, nBefore) {
    if (!n || !nBefore) return null;
    const [a, b] = [wilson(count, n), wilson(countBefore, nBefore)];
    const value = a.value - b.value;
    const difference = {
      value,
      low: value - Math.hypot(a.value - a.low, b.high - b.value),
      high: value + Math.hypot(a.high - a.value, b.value - b.low),
    };
    return { ...difference, isClear: isClear(difference) };
  }

  // The limit of the deviates that are clear among many, at a false discovery rate (Benjamini and Hochberg 1995).
  function correctedLimit(deviates, rate) {
    const limit = (rank) => upperQuantile((rate * rank) / (2 * Math.max(deviates.length, 1)));
    const sorted = [...deviates].sort((a, b) => b - a);
    const found = sorted.reduce((last, deviate, i) => (deviate >= limit(i + 1) ? i + 1 : last), 1);
    return limit(found);
  }

  return { tFromDeviate, deviateFromT, ratioVariance, interval, ratioDifference, wilson, shareDifference, correctedLimit };
})();
