"""The outputs for Looker Studio are the links that `callmood looker-links` prints."""

from __future__ import annotations

from workspaces import PROJECT, Workspace

from callmood.ops.looker import looker_studio_url, report_views


def test_looker_studio_outputs_equal_the_links_of_the_command(deployment: Workspace) -> None:
    outputs = deployment.plan(**PROJECT)["planned_values"]["outputs"]
    project, dataset = PROJECT["project_id"], "callmood_reports"
    assert outputs["looker_studio_url"]["value"] == looker_studio_url(project, dataset)
    assert outputs["looker_studio_urls"]["value"] == {
        view: looker_studio_url(project, dataset, [view]) for view in report_views()
    }
