// Calls a gateway as any program with the official client does: node client.mjs ENDPOINT key|token CREDENTIAL.
// Prints what a chat call and a stream said; ends with code 1 where either is not as it should be.
import { strict as assert } from "node:assert";
import { AzureOpenAI } from "openai";

const [endpoint, kind, credential] = process.argv.slice(2);
const client = new AzureOpenAI({
  endpoint,
  apiVersion: "2024-10-21",
  ...(kind === "token"
    ? { azureADTokenProvider: async () => credential }
    : { apiKey: credential }),
});
const ask = {
  model: "gpt",
  messages: [{ role: "user", content: "What is the best way to get to London from Berlin?" }],
};

const { data, response } = await client.chat.completions.create(ask).withResponse();
const chat = data.choices[0].message.content;
assert.ok(chat, "the chat call said nothing");
assert.ok(response.headers.get("x-aoai-backend"), "the answer does not name its backend");

let streamed = "";
let finished = false;
for await (const chunk of await client.chat.completions.create({ ...ask, stream: true })) {
  streamed += chunk.choices[0]?.delta?.content ?? "";
  finished ||= chunk.choices[0]?.finish_reason === "stop";
}
assert.ok(streamed && finished, `the stream said ${JSON.stringify(streamed)}, finished: ${finished}`);

console.log(JSON.stringify({ chat, streamed }));
