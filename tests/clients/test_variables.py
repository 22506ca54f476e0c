"""The variables that `quotasim serve` prints are all that an SDK needs to find it."""

import json
import os
import subprocess
import sys

import pytest

MODEL = "us.anthropic.claude-haiku-4-5-20251001-v1:0"
BOTO3 = f"""
import boto3
messages = [{{"role": "user", "content": [{{"text": "hello"}}]}}]
answer = boto3.client("bedrock-runtime").converse(modelId="{MODEL}", messages=messages)
print(answer["usage"]["outputTokens"])
"""
JAVASCRIPT = f"""
import {{ BedrockRuntimeClient, ConverseCommand }} from '@aws-sdk/client-bedrock-runtime';
const messages = [{{ role: 'user', content: [{{ text: 'hello' }}] }}];
const answer = await new BedrockRuntimeClient().send(new ConverseCommand({{ modelId: '{MODEL}', messages }}));
console.log(answer.usage.outputTokens);
"""


@pytest.mark.parametrize(
    "program", [[sys.executable, "-c", BOTO3], ["node", "--no-warnings", "--input-type=module", "-e", JAVASCRIPT]]
)
def test_an_unconfigured_client_finds_the_endpoint(program):
    options = ["--model", MODEL, "--output-tokens", "7", "--port", "0", "--quiet"]
    command = [os.environ.get("QUOTASIM", "quotasim"), "serve", *options]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as server:
        try:
            assert json.loads(server.stdout.readline())["url"]
            printed = dict(server.stdout.readline().rstrip("\n").split("=", 1) for _ in range(5))
            # Nothing else of AWS is known to the client.
            environment = {name: value for name, value in os.environ.items() if not name.startswith("AWS_")}
            clients = os.path.dirname(os.path.abspath(__file__))
            said = subprocess.run(program, env=environment | printed, cwd=clients, capture_output=True, text=True)
        finally:
            server.terminate()
    assert said.stdout == "7\n", said.stderr
