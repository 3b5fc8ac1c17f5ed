-- Half the 95 % interval of negativity: the linearized variance of a ratio of sums, clustered by call (Cochran 1977,
-- section 6.4), times the t quantile (inverse of Wallace 1959).
half_widths AS (
  SELECT
    *,
    SQRT(
      GREATEST(
        measures.negative_squares - 2 * measures.negativity * measures.products
        + POW(measures.negativity, 2) * measures.emotion_squares,
        0
      ) * (df + 1) / df
    ) / NULLIF(measures.customer_emotion_s, 0)
    * SQRT(df * (EXP(POW(1.959964 * (8 * df + 3) / (8 * df + 1), 2) / df) - 1)) AS half_width
  FROM (SELECT *, NULLIF(GREATEST(measures.emotion_calls - 1, 0), 0) AS df FROM masked)
)
