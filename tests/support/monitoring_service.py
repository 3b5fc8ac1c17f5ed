"""A gRPC server that validates and stores time series like Cloud Monitoring, and returns numbers of waiting events."""

import contextlib
from concurrent.futures import ThreadPoolExecutor

import grpc
from google.cloud.monitoring_v3 import MetricServiceClient
from google.cloud.monitoring_v3.services.metric_service.transports import MetricServiceGrpcTransport
from google.cloud.monitoring_v3.types import (
    CreateTimeSeriesRequest,
    ListTimeSeriesRequest,
    ListTimeSeriesResponse,
    Point,
    TimeSeries,
)
from google.protobuf.empty_pb2 import Empty

MAX_SERIES = 200  # https://cloud.google.com/monitoring/quotas


class Monitoring:
    """The accepted `requests`, a `client` of the server, its `queries`, and numbers of waiting events, newest first."""

    def __init__(self, client):
        self.client = client
        self.requests = []
        self.queries = []
        self.waiting = []

    def points(self):
        """Written points by metric and labels."""
        return {
            (series.metric.type, *sorted(series.metric.labels.items())): series.points[0].value.double_value
            for request in self.requests
            for series in request.time_series
        }


@contextlib.contextmanager
def monitoring():
    def create(request, context):
        named = [(s.metric.type, *sorted(s.metric.labels.items())) for s in request.time_series]
        ended = all(len(s.points) == 1 and s.points[0].interval.end_time for s in request.time_series)
        if len(named) > MAX_SERIES or len(set(named)) < len(named) or not ended:
            context.abort(grpc.StatusCode.INVALID_ARGUMENT, "too many time series, one twice, or one without a time")
        service.requests.append(request)
        return Empty()

    def read(request, _context):
        service.queries.append(request)
        points = [Point(value={"int64_value": number}) for number in service.waiting]
        return ListTimeSeriesResponse(time_series=[TimeSeries(points=points)] if points else [])

    methods = {
        "CreateTimeSeries": grpc.unary_unary_rpc_method_handler(
            create, CreateTimeSeriesRequest.deserialize, lambda empty: empty.SerializeToString()
        ),
        "ListTimeSeries": grpc.unary_unary_rpc_method_handler(
            read, ListTimeSeriesRequest.deserialize, ListTimeSeriesResponse.serialize
        ),
    }
    server = grpc.server(ThreadPoolExecutor(2))
    server.add_generic_rpc_handlers(
        [grpc.method_handlers_generic_handler("google.monitoring.v3.MetricService", methods)]
    )
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    with grpc.insecure_channel(f"127.0.0.1:{port}") as channel:
        service = Monitoring(MetricServiceClient(transport=MetricServiceGrpcTransport(channel=channel)))
        yield service
    server.stop(None)
