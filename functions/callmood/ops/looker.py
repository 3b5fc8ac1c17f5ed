"""Links that create a Looker Studio report with the views as data sources.

`outputs.tf` builds the same links for a deployment; a test compares the two.
"""

from __future__ import annotations

from collections.abc import Iterable
from urllib.parse import quote, urlencode

from callmood.warehouse.schema import views

_CREATE = "https://lookerstudio.google.com/reporting/create"


def report_views() -> tuple[str, ...]:
    """Return the names of the views for reports: all except those that only select rows of a table for other views."""
    return tuple(name for name, view in views().items() if view.fields_of is None)


def looker_studio_url(
    project: str,
    dataset: str,
    sources: Iterable[str] | None = None,
    *,
    billing_project: str | None = None,
    report_name: str = "callmood",
) -> str:
    """Return a link that creates an empty report with views as data sources.

    Uses Looker Studio's Linking API, https://developers.google.com/looker-studio/integrate/linking-api.

    Parameters
    ----------
    project : str
        Google Cloud project of the dataset.
    dataset : str
        BigQuery dataset of the views.
    sources : iterable of str, optional
        Names of views; default: `report_views`.
    billing_project : str, optional
        Project that pays for the queries; default: the dataset's.
    report_name : str
        Name of the report.

    Returns
    -------
    str
        A percent-encoded URL.

    Examples
    --------
    >>> looker_studio_url("acme", "callmood_reports", ["calls"])  # doctest: +ELLIPSIS
    'https://lookerstudio.google.com/reporting/create?c.mode=edit&r.reportName=callmood&ds.ds0.connector=bigQuery&...'
    """
    parameters = {"c.mode": "edit", "r.reportName": report_name}
    for number, view in enumerate(report_views() if sources is None else sources):
        source = {
            "connector": "bigQuery",
            "datasourceName": view,
            "type": "TABLE",
            "projectId": project,
            "datasetId": dataset,
            "tableId": view,
            "billingProjectId": billing_project or project,
        }
        parameters |= {f"ds.ds{number}.{name}": value for name, value in source.items()}
    return f"{_CREATE}?{urlencode(parameters, quote_via=quote, safe='')}"
