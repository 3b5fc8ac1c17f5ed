"""Clients that the requests of one instance share. Each is created on first use, after the server has forked."""

from __future__ import annotations

from functools import cache, cached_property
from typing import TYPE_CHECKING

from callmood.warehouse.base import Warehouse
from callmood.warehouse.bigquery import BigQueryWarehouse

if TYPE_CHECKING:
    from google.cloud.monitoring_v3 import MetricServiceClient
    from google.cloud.pubsub_v1 import PublisherClient
    from google.cloud.storage import Client

    from callmood.models.resolver import ModelProvider


class Clients:
    """Google Cloud clients, warehouses by dataset, and model providers by URI."""

    def __init__(self) -> None:
        self.warehouse = cache(self._open_warehouse)
        self.models = cache(self._open_models)

    @cached_property
    def storage(self) -> Client:
        """Return the client for recordings and models."""
        from google.cloud.storage import Client

        return Client()

    @cached_property
    def publisher(self) -> PublisherClient:
        """Return the client for messages."""
        from google.cloud.pubsub_v1 import PublisherClient

        return PublisherClient()

    @cached_property
    def metrics(self) -> MetricServiceClient:
        """Return the client for metrics."""
        from google.cloud.monitoring_v3 import MetricServiceClient

        return MetricServiceClient()

    def _open_warehouse(self, dataset: str) -> Warehouse:
        return BigQueryWarehouse(dataset)

    def _open_models(self, model_uri: str | None, population_uri: str | None = None) -> ModelProvider:
        from callmood.models.resolver import open_models

        return open_models(model_uri, lambda: self.storage, population_uri)
