"""An application meets its quota in pytest: `quotasim serve` is a fixture."""

import json
import os
import subprocess
from concurrent.futures import ThreadPoolExecutor

import boto3
import pytest
from botocore.config import Config
from botocore.exceptions import ClientError

MODEL = "us.anthropic.claude-haiku-4-5-20251001-v1:0"


@pytest.fixture
def bedrock():
    """A local Bedrock with 100,000 tokens per minute, where a minute passes in three seconds."""
    quotasim = os.environ.get("QUOTASIM", "quotasim")
    options = ["--model", MODEL, "--tokens-per-minute", "100k", "--output-tokens", "1000", "--speed", "20x"]
    command = [quotasim, "serve", *options, "--port", "0", "--quiet"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as server:
        yield json.loads(server.stdout.readline())["url"]
        server.terminate()


def client(url):
    """What the application would make; in CI the variables that `quotasim serve` prints do the same."""
    return boto3.client(
        "bedrock-runtime",
        endpoint_url=url,
        region_name="us-east-1",
        aws_access_key_id="quotasim",
        aws_secret_access_key="quotasim",
        config=Config(retries={"mode": "standard", "total_max_attempts": 1}),
    )


def classify(bedrock_client, text, **inference):
    """The application under test."""
    messages = [{"role": "user", "content": [{"text": text}]}]
    return bedrock_client.converse(modelId=MODEL, messages=messages, inferenceConfig=inference)


def test_ten_at_once_fit_with_a_small_limit(bedrock):
    application = client(bedrock)
    with ThreadPoolExecutor(10) as pool:
        answers = list(pool.map(lambda n: classify(application, f"ticket {n}", maxTokens=20), range(10)))
    assert all(answer["usage"]["outputTokens"] <= 20 for answer in answers)


def test_without_a_limit_four_at_once_are_throttled(bedrock):
    application = client(bedrock)

    def outcome(n):
        try:
            return classify(application, f"ticket {n}")["stopReason"]
        except ClientError as error:
            return error.response["Error"]["Code"]

    with ThreadPoolExecutor(4) as pool:
        outcomes = list(pool.map(outcome, range(4)))
    # Each reserves the model's 64,000 tokens while it is answered.
    assert "ThrottlingException" in outcomes


def test_the_application_survives_a_model_that_is_not_ready(bedrock):
    application = client(bedrock)
    application.meta.events.register(
        "before-sign.bedrock-runtime.*",
        lambda request, **_: request.headers.add_header("x-quotasim-fault", "model_not_ready"),
    )
    with pytest.raises(ClientError) as error:
        classify(application, "ticket", maxTokens=20)
    assert error.value.response["Error"]["Code"] == "ModelNotReadyException"
