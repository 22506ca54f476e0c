"""Sends a plan of Converse calls with boto3, each at its time: boto3_client.py URL MODE PLAN.csv MAX_TOKENS

Says `ready` when it could start and starts when it reads a line. Then it says, as JSON, how its calls ended and how
late they were sent [s].
"""

import csv
import json
import sys
import threading
import time

import boto3
from botocore.config import Config
from botocore.exceptions import ClientError

MODEL = "us.anthropic.claude-haiku-4-5-20251001-v1:0"
PROMPT = [{"role": "user", "content": [{"text": "What does the quota say?"}]}]


def make_client(url, mode):
    """A client as applications make it, but for the address; the limits on its own side are out of the way."""
    return boto3.client(
        "bedrock-runtime",
        endpoint_url=url,
        region_name="us-east-1",
        aws_access_key_id="app",
        aws_secret_access_key="quotasim",
        config=Config(retries={"mode": mode}, max_pool_connections=500),
    )


def count_by_header(client, tokens):
    """Lets each call say how many tokens it asks and takes: the thread that calls keeps them in `tokens`."""

    def add_headers(request, **_):
        request.headers["x-quotasim-input-tokens"] = str(tokens.input)
        request.headers["x-quotasim-output-tokens"] = str(tokens.output)

    client.meta.events.register("before-sign.bedrock-runtime.Converse", add_headers)


def main():
    url, mode, plan_path, max_tokens = sys.argv[1:5]
    with open(plan_path, newline="") as file:
        plan = [(float(row["time_s"]), int(row["input"]), int(row["output"])) for row in csv.DictReader(file)]
    # Loads the service model and opens the first connection.
    make_client(url, "standard").count_tokens(modelId=MODEL, input={"converse": {"messages": PROMPT}})
    print("ready", flush=True)
    sys.stdin.readline()

    tokens = threading.local()
    client = make_client(url, mode)
    count_by_header(client, tokens)
    outcomes = {"succeeded": 0, "failed": 0}
    late = []
    lock = threading.Lock()

    def call(planned, input_tokens, output_tokens):
        tokens.input, tokens.output = input_tokens, output_tokens
        lateness = time.monotonic() - planned
        try:
            client.converse(modelId=MODEL, messages=PROMPT, inferenceConfig={"maxTokens": int(max_tokens)})
            outcome = "succeeded"
        except ClientError:
            outcome = "failed"
        with lock:
            outcomes[outcome] += 1
            late.append(lateness)

    threads = []
    started = time.monotonic()
    for at, input_tokens, output_tokens in plan:
        time.sleep(max(0.0, started + at - time.monotonic()))
        thread = threading.Thread(target=call, args=(started + at, input_tokens, output_tokens))
        thread.start()
        threads.append(thread)
    for thread in threads:
        thread.join()
    print(json.dumps({**outcomes, "late_s": sorted(late)}), flush=True)


main()
