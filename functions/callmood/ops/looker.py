"""Links that create a Looker Studio report with the views as data sources.

`outputs.tf` builds the same links for a deployment; a test compares the two.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from urllib.parse import quote, urlencode

from callmood.warehouse.schema import views

_CREATE = "https://lookerstudio.google.com/reporting/create"


@dataclass(frozen=True)
class Template:
    """A published report.

    Parameters
    ----------
    report_id : str
        ID in its address: ``https://lookerstudio.google.com/reporting/REPORT_ID/page/PAGE_ID``.
    page_id : str, optional
        Page that the link opens; default: the first.
    """

    report_id: str
    page_id: str | None = None


def report_views() -> tuple[str, ...]:
    """Return the names of the views for reports: neither internal, nor only rows of a table for other views."""
    return tuple(name for name, view in views().items() if view.fields_of is None and not view.is_internal)


PAGES = {
    "overview": ("calls", "insights", "queues_daily", "trends_daily"),
    "agents": ("agents_compared", "agents_daily"),
    "call": ("call_timeline", "calls", "worst_moments"),
    "quality": ("data_quality", "failures_current", "model_usage", "model_versions"),
}
"""dict of str to tuple of str: views of each page of the dashboard in docs/looker-studio.md."""


def looker_studio_url(
    project: str,
    dataset: str,
    sources: Iterable[str] | None = None,
    *,
    billing_project: str | None = None,
    report_name: str = "callmood",
    template: Template | None = None,
) -> str:
    """Return a link that creates a report with views as data sources: an empty one, or a copy of a template.

    Uses Looker Studio's Linking API, https://developers.google.com/looker-studio/integrate/linking-api. The alias of a
    data source is the name of its view.

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
    template : Template, optional
        Report to copy; default: an empty report.

    Returns
    -------
    str
        A percent-encoded URL.

    Examples
    --------
    >>> looker_studio_url("acme", "callmood_reports", ["calls"])  # doctest: +ELLIPSIS
    'https://lookerstudio.google.com/reporting/create?c.mode=edit&r.reportName=callmood&ds.calls.connector=bigQuery&...'
    """
    parameters = {"c.mode": "edit"} if template is None else {"c.mode": "view", "c.reportId": template.report_id}
    if template is not None and template.page_id is not None:
        parameters["c.pageId"] = template.page_id
    parameters["r.reportName"] = report_name
    for view in report_views() if sources is None else sources:
        source = {
            "connector": "bigQuery",
            "datasourceName": view,
            "type": "TABLE",
            "projectId": project,
            "datasetId": dataset,
            "tableId": view,
            "billingProjectId": billing_project or project,
        }
        parameters |= {f"ds.{view}.{name}": value for name, value in source.items()}
    return f"{_CREATE}?{urlencode(parameters, quote_via=quote, safe='')}"
