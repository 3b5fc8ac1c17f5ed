"""A local gRPC server for the Google APIs that the DAG calls: Cloud Run jobs and Vertex AI training pipelines.

The server runs the container arguments of a job or pipeline as a process, like the image does. The clients are the real
ones, with a channel to this server.
"""

from __future__ import annotations

import contextlib
import itertools
import os
import subprocess
import threading
from collections.abc import Callable, Iterator
from concurrent import futures
from pathlib import Path

import grpc
from google.cloud.aiplatform_v1.types import (
    CreateTrainingPipelineRequest,
    GetTrainingPipelineRequest,
    PipelineState,
    TrainingPipeline,
)
from google.cloud.run_v2.types import Execution, GetJobRequest, Job, RunJobRequest
from google.longrunning import operations_pb2
from google.rpc import status_pb2

ROOT = Path(__file__).parents[2]


class Cloud:
    """Jobs, pipelines, and their results.

    Parameters
    ----------
    python : str
        Interpreter that replaces the one of the image.
    environment : dict of str to str
        Environment variables of every container.
    before : callable
        Called with the arguments of a container before it runs.
    """

    def __init__(self, python: str, environment: dict[str, str], before: Callable[[list[str]], None]) -> None:
        self.python, self.environment, self.before = python, environment, before
        self.requests: list[tuple[str, list[str]]] = []
        self.output: dict[str, str] = {}
        self._operations: dict[str, operations_pb2.Operation] = {}
        self._pipelines: dict[str, TrainingPipeline] = {}
        self._numbers = itertools.count(1)

    def run_container(self, arguments: list[str]) -> int:
        """Run a container with these arguments, and return its exit code."""
        self.before(arguments)
        done = subprocess.run(
            [self.python, "-m", "model", *arguments],
            cwd=ROOT,
            env=os.environ | self.environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
        )
        self.output[arguments[1]] = done.stdout
        return done.returncode

    # google.cloud.run.v2.Jobs and google.longrunning.Operations

    def run_job(self, request: RunJobRequest) -> operations_pb2.Operation:
        (override,) = request.overrides.container_overrides
        self.requests.append((request.name, list(override.args)))
        code = self.run_container(list(override.args))
        name = f"{request.name.partition('/jobs/')[0]}/operations/{next(self._numbers)}"
        execution = Execution(job=request.name.rpartition("/")[2], task_count=1)
        execution.succeeded_count, execution.failed_count = (1, 0) if code == 0 else (0, 1)
        done = operations_pb2.Operation(name=name, done=True)
        done.metadata.Pack(Execution.pb(execution))
        if code:
            done.error.CopyFrom(status_pb2.Status(code=9, message=f"the container exited with code {code}"))
        else:
            done.response.Pack(Execution.pb(execution))
        self._operations[name] = done
        return done

    def get_operation(self, request: operations_pb2.GetOperationRequest) -> operations_pb2.Operation:
        return self._operations[request.name]

    def get_job(self, request: GetJobRequest) -> Job:
        return Job(name=request.name)

    # google.cloud.aiplatform.v1.PipelineService

    def create_pipeline(self, request: CreateTrainingPipelineRequest) -> TrainingPipeline:
        number = next(self._numbers)
        pipeline = TrainingPipeline(request.training_pipeline)
        pipeline.name = f"{request.parent}/trainingPipelines/{number}"
        pipeline.training_task_metadata = {"backingCustomJob": f"{request.parent}/customJobs/{number}"}
        task = TrainingPipeline.to_dict(pipeline)["training_task_inputs"]
        (pool,) = task["worker_pool_specs"]
        image, command = pool["containerSpec"]["imageUri"], pool["containerSpec"]["command"]
        arguments = command[3:]  # after: python -m model
        self.requests.append((image, arguments))
        pipeline.state = PipelineState.PIPELINE_STATE_RUNNING
        self._pipelines[pipeline.name] = pipeline

        def train() -> None:
            code = self.run_container(arguments)
            ended = PipelineState.PIPELINE_STATE_FAILED if code else PipelineState.PIPELINE_STATE_SUCCEEDED
            pipeline.state = ended

        # The client polls every five seconds.
        threading.Thread(target=train, daemon=True).start()
        return pipeline

    def get_pipeline(self, request: GetTrainingPipelineRequest) -> TrainingPipeline:
        return self._pipelines[request.name]


@contextlib.contextmanager
def serving(cloud: Cloud) -> Iterator[str]:
    """Serve the cloud on a free port, and yield the address."""
    run, vertex = "google.cloud.run.v2.Jobs", "google.cloud.aiplatform.v1.PipelineService"
    methods = {
        run: {
            "RunJob": (cloud.run_job, RunJobRequest.deserialize, operations_pb2.Operation.SerializeToString),
            "GetJob": (cloud.get_job, GetJobRequest.deserialize, Job.serialize),
        },
        "google.longrunning.Operations": {
            "GetOperation": (
                cloud.get_operation,
                operations_pb2.GetOperationRequest.FromString,
                operations_pb2.Operation.SerializeToString,
            )
        },
        vertex: {
            "CreateTrainingPipeline": (
                cloud.create_pipeline,
                CreateTrainingPipelineRequest.deserialize,
                TrainingPipeline.serialize,
            ),
            "GetTrainingPipeline": (
                cloud.get_pipeline,
                GetTrainingPipelineRequest.deserialize,
                TrainingPipeline.serialize,
            ),
        },
    }
    server = grpc.server(futures.ThreadPoolExecutor(max_workers=4))
    for service, answers in methods.items():
        handlers = {
            name: grpc.unary_unary_rpc_method_handler(
                lambda request, _, answer=answer: answer(request), request_deserializer=read, response_serializer=write
            )
            for name, (answer, read, write) in answers.items()
        }
        server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler(service, handlers),))
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    try:
        yield f"127.0.0.1:{port}"
    finally:
        server.stop(None)
