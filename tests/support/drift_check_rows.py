"""Write synthetic drift checks: no drift, except noise on the last day and emotions in one queue."""

from datetime import date, timedelta

import numpy as np

from callmood.monitoring.drift import COUNT_METRICS, MEAN_METRICS

LAST_DAY = date(2026, 11, 20)


def write_drift_checks(store, days=30):
    rng = np.random.default_rng(0)
    rows = []

    def add(day, metric, test, statistic, **values):
        rows.append(
            {
                "check_id": f"{day} {metric} {values.get('queue')}",
                "call_date": day.isoformat(),
                "model_version": "1",
                "metric": metric,
                "test": test,
                "statistic": statistic,
                "is_drift": statistic > values.get("threshold", 1),
                "calls": 40,
                "segments": 900,
                "software_version": "0.1.0",
                "checked_at": f"{day}T23:00:00+00:00",
                **values,
            }
        )

    for days_ago in range(days):
        day = LAST_DAY - timedelta(days=days_ago)
        for metric in (*MEAN_METRICS, *COUNT_METRICS):
            is_noisy = metric == "noise_db" and day == LAST_DAY
            statistic = 0.5 if is_noisy else float(rng.uniform(0.02, 0.2))
            add(day, metric, "ks", statistic, threshold=0.3, reference="abc")
        add(day, "accuracy", "wilson", 0.71, low=0.602, high=0.798, segments=48)
    add(LAST_DAY, "emotions", "psi", 0.6, threshold=0.4, queue="billing", reference="abc")
    store.append("drift_checks", rows)
