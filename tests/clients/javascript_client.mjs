// Sends a plan of Converse calls with the AWS SDK for JavaScript, each at its time:
//
//   javascript_client.mjs URL MODE PLAN.csv MAX_TOKENS
//
// Says `ready` when it could start and starts when it reads a line. Then it says, as JSON, how its calls ended and how
// late they were sent [s].

import { readFileSync } from 'node:fs';
import { createInterface } from 'node:readline';
import { setTimeout as sleep } from 'node:timers/promises';
import { BedrockRuntimeClient, ConverseCommand, CountTokensCommand } from '@aws-sdk/client-bedrock-runtime';

const modelId = 'us.anthropic.claude-haiku-4-5-20251001-v1:0';
const messages = [{ role: 'user', content: [{ text: 'What does the quota say?' }] }];

/** A client as applications make it, but for the address. It speaks HTTP/2, as it does to Bedrock. */
function makeClient(url, retryMode) {
  return new BedrockRuntimeClient({
    endpoint: url,
    region: 'us-east-1',
    credentials: { accessKeyId: 'app', secretAccessKey: 'quotasim' },
    retryMode,
  });
}

/** A call that says how many tokens it asks and takes. */
function command(input, output, maxTokens) {
  const converse = new ConverseCommand({ modelId, messages, inferenceConfig: { maxTokens } });
  const addHeaders = (next) => async (args) => {
    args.request.headers['x-quotasim-input-tokens'] = String(input);
    args.request.headers['x-quotasim-output-tokens'] = String(output);
    return next(args);
  };
  converse.middlewareStack.add(addHeaders, { step: 'build', name: 'tokens' });
  return converse;
}

const [url, mode, planPath, maxTokens] = process.argv.slice(2);
const plan = readFileSync(planPath, 'utf8').trim().split('\n').slice(1).map((line) => line.split(',').map(Number));
// Compiles the code and loads what is loaded late.
await makeClient(url, 'standard').send(new CountTokensCommand({ modelId, input: { converse: { messages } } }));
console.log('ready');
const lines = createInterface({ input: process.stdin })[Symbol.asyncIterator]();
await lines.next();

const client = makeClient(url, mode);
const outcomes = { succeeded: 0, failed: 0 };
const late = [];

async function call(planned, input, output) {
  late.push((performance.now() - planned) / 1000);
  try {
    await client.send(command(input, output, Number(maxTokens)));
    outcomes.succeeded += 1;
  } catch (error) {
    if (error.name !== 'ThrottlingException') throw error;
    outcomes.failed += 1;
  }
}

const calls = [];
const started = performance.now();
for (const [at, input, output] of plan) {
  await sleep(Math.max(0, started + at * 1000 - performance.now()));
  calls.push(call(started + at * 1000, input, output));
}
await Promise.all(calls);
console.log(JSON.stringify({ ...outcomes, late_s: late.sort((a, b) => a - b) }));
process.exit(0);
