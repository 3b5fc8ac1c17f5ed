"""Checks of made-up days in a store: calm, but for noise on the last."""

from datetime import date, timedelta

import numpy as np

from callmood.monitoring.drift import COUNTS, MEANS

LAST = date(2026, 11, 20)


def write_health(store, days=30):
    rng = np.random.default_rng(0)
    rows = []

    def write(day, figure, test, statistic, **values):
        rows.append(
            {
                "check_id": f"{day} {figure} {values.get('queue')}",
                "call_date": day.isoformat(),
                "model_version": "1",
                "figure": figure,
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

    for back in range(days):
        day = LAST - timedelta(days=back)
        for figure in (*MEANS, *COUNTS):
            noisy = figure == "noise_db" and day == LAST
            write(day, figure, "ks", 0.5 if noisy else float(rng.uniform(0.02, 0.2)), threshold=0.3, reference="abc")
        write(day, "accuracy", "wilson", 0.71, low=0.602, high=0.798, segments=48)
    write(LAST, "emotions", "psi", 0.6, threshold=0.4, queue="billing", reference="abc")
    store.append("drift_checks", rows)
