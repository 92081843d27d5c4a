// The scenario (tests/scenario/steps.jsonl) by @slack/web-api: one JSON line for each answer, on stdout.
// Reads from stdin {"base": URL ending in /api/, "tokens": {"owner": ..., ...}, "names": {...}, "steps": [...]}.
import { readFileSync } from 'node:fs';
import { ErrorCode, LogLevel, WebClient } from '@slack/web-api';

const { base, tokens, names, steps } = JSON.parse(readFileSync(0, 'utf8'));
const clients = Object.fromEntries(
  Object.entries(tokens).map(([who, token]) => [
    who,
    new WebClient(token, { slackApiUrl: base, retryConfig: { retries: 0 }, logLevel: LogLevel.ERROR }),
  ]),
);

function filled(value) {
  if (Array.isArray(value)) return value.map(filled);
  if (value !== null && typeof value === 'object') return Object.fromEntries(Object.entries(value).map(([k, v]) => [k, filled(v)]));
  if (typeof value !== 'string') return value;
  const whole = /^\$(\w+)$/.exec(value);
  return whole ? names[whole[1]] : value.replace(/\$\{(\w+)\}/g, (_, name) => names[name]);
}

function found(answer, path) {
  return path.split('.').reduce((at, key) => at[key], answer);
}

// A method of the client where it has one of that name, else the call that takes any name.
function method(client, name) {
  const parts = name.split('.');
  const owner = parts.slice(0, -1).reduce((at, key) => at?.[key], client);
  const bound = owner?.[parts.at(-1)];
  return typeof bound === 'function' ? bound.bind(owner) : (args) => client.apiCall(name, args);
}

async function uploaded(client, args) {
  const { content, channel, ...rest } = args;
  const { files } = await client.filesUploadV2({ ...rest, channel_id: channel, file: Buffer.from(content) });
  return files[0];
}

async function sent(url, content) {
  const answer = await fetch(url, { method: 'POST', body: content });
  return { ok: answer.ok, text: await answer.text() };
}

async function loaded(url, token, asLong) {
  const answer = await fetch(url, { headers: { authorization: `Bearer ${token}` } });
  const body = await answer.text();
  return { ok: answer.ok && body === asLong, status: answer.status, body };
}

async function paged(client, name, args) {
  const pages = [];
  for await (const page of client.paginate(name, args)) pages.push(page);
  return { ...pages.at(-1), ok: pages.length > 1 && pages.every((page) => page.ok) };
}

async function take(step) {
  const client = clients[step.by ?? 'bot'];
  const args = filled(step.with ?? {});
  if (step.call) return method(client, step.call)(args);
  if (step.upload) return uploaded(client, args);
  if (step.send) return sent(args.url, args.content);
  if (step.load) return loaded(args.url, tokens[step.by ?? 'bot'], args.content);
  return paged(client, step.pages, args);
}

for (const step of steps) {
  let answer;
  try {
    answer = await take(step);
  } catch (error) {
    if (error.code !== ErrorCode.PlatformError) throw new Error(`${JSON.stringify(step)}: ${error.message}`);
    answer = error.data;
  }
  console.log(JSON.stringify({ method: step.call ?? step.upload ?? step.send ?? step.load ?? step.pages, response: answer }));
  for (const [name, path] of Object.entries(answer.ok && step.keep || {})) names[name] = found(answer, path);
}
