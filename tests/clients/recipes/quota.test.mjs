// An application meets its quota in Jest: `quotasim serve` runs while the tests do.

import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { BedrockRuntimeClient, ConverseCommand } from '@aws-sdk/client-bedrock-runtime';

const modelId = 'us.anthropic.claude-haiku-4-5-20251001-v1:0';
let server;
let client;

// A local Bedrock with 100,000 tokens per minute, where a minute passes in three seconds.
beforeAll(async () => {
  const quotasim = process.env.QUOTASIM ?? 'quotasim';
  const options = ['--model', modelId, '--tokens-per-minute', '100k', '--output-tokens', '1000', '--speed', '20x'];
  server = spawn(quotasim, ['serve', ...options, '--port', '0', '--quiet'], { stdio: ['ignore', 'pipe', 'inherit'] });
  const [line] = await once(createInterface({ input: server.stdout }), 'line');
  client = new BedrockRuntimeClient({
    endpoint: JSON.parse(line).url,
    region: 'us-east-1',
    credentials: { accessKeyId: 'quotasim', secretAccessKey: 'quotasim' },
    maxAttempts: 1,
  });
});

afterAll(() => {
  client.destroy();
  server.kill();
});

// The application under test.
function classify(text, inferenceConfig) {
  const messages = [{ role: 'user', content: [{ text }] }];
  return client.send(new ConverseCommand({ modelId, messages, inferenceConfig }));
}

test('ten at once fit with a small limit', async () => {
  const answers = await Promise.all(Array.from({ length: 10 }, (_, n) => classify(`ticket ${n}`, { maxTokens: 20 })));
  for (const answer of answers) expect(answer.usage.outputTokens).toBeLessThanOrEqual(20);
});

test('without a limit four at once are throttled', async () => {
  // Each reserves the model's 64,000 tokens while it is answered.
  const outcomes = await Promise.allSettled(Array.from({ length: 4 }, (_, n) => classify(`ticket ${n}`)));
  expect(outcomes.map((outcome) => outcome.reason?.name)).toContain('ThrottlingException');
});
