"""Google's APIs that the DAG calls, on 127.0.0.1: Cloud Run's jobs and Vertex AI's training pipelines, over gRPC.

What a job or a pipeline is asked to do is done: the words of its container are run as a process, as the image would run
them. The clients are the real ones; only their channels lead here.
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
    """Jobs and pipelines, and what became of them.

    Parameters
    ----------
    python : str
        The interpreter in the place of the image's.
    environment : dict of str to str
        Of every container.
    before : callable
        Called with a step's words before they are run.
    """

    def __init__(self, python: str, environment: dict[str, str], before: Callable[[list[str]], None]) -> None:
        self.python, self.environment, self.before = python, environment, before
        self.asked: list[tuple[str, list[str]]] = []
        self.printed: dict[str, str] = {}
        self._operations: dict[str, operations_pb2.Operation] = {}
        self._pipelines: dict[str, TrainingPipeline] = {}
        self._numbers = itertools.count(1)

    def container(self, words: list[str]) -> int:
        """Run a container's words; its exit code."""
        self.before(words)
        done = subprocess.run(
            [self.python, "-m", "model", *words],
            cwd=ROOT,
            env=os.environ | self.environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
        )
        self.printed[words[1]] = done.stdout
        return done.returncode

    # google.cloud.run.v2.Jobs and google.longrunning.Operations

    def run_job(self, request: RunJobRequest) -> operations_pb2.Operation:
        (override,) = request.overrides.container_overrides
        self.asked.append((request.name, list(override.args)))
        code = self.container(list(override.args))
        name = f"{request.name.partition('/jobs/')[0]}/operations/{next(self._numbers)}"
        execution = Execution(job=request.name.rpartition("/")[2], task_count=1)
        execution.succeeded_count, execution.failed_count = (1, 0) if code == 0 else (0, 1)
        done = operations_pb2.Operation(name=name, done=True)
        done.metadata.Pack(Execution.pb(execution))
        if code:
            done.error.CopyFrom(status_pb2.Status(code=9, message=f"the container ended with exit code {code}"))
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
        self.asked.append((image, arguments))
        pipeline.state = PipelineState.PIPELINE_STATE_RUNNING
        self._pipelines[pipeline.name] = pipeline

        def train() -> None:
            code = self.container(arguments)
            ended = PipelineState.PIPELINE_STATE_FAILED if code else PipelineState.PIPELINE_STATE_SUCCEEDED
            pipeline.state = ended

        # The client waits five seconds for an answer, and asks again.
        threading.Thread(target=train, daemon=True).start()
        return pipeline

    def get_pipeline(self, request: GetTrainingPipelineRequest) -> TrainingPipeline:
        return self._pipelines[request.name]


@contextlib.contextmanager
def serving(cloud: Cloud) -> Iterator[str]:
    """Answer for a cloud on a free port; its address."""
    run, vertex = "google.cloud.run.v2.Jobs", "google.cloud.aiplatform.v1.PipelineService"
    plain = operations_pb2
    methods = {
        run: {
            "RunJob": (cloud.run_job, RunJobRequest.deserialize, plain.Operation.SerializeToString),
            "GetJob": (cloud.get_job, GetJobRequest.deserialize, Job.serialize),
        },
        "google.longrunning.Operations": {
            "GetOperation": (
                cloud.get_operation,
                plain.GetOperationRequest.FromString,
                plain.Operation.SerializeToString,
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
