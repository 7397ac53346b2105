// Makes one call that is refused and says what the official client did: node retry.mjs ENDPOINT. Prints a JSON array
// with an object for each answer that the client got: its status, when the request was sent and when the answer came
// (seconds), and the wait that it advertised.
import { AzureOpenAI, RateLimitError } from "openai";

const seen = [];
const client = new AzureOpenAI({
  endpoint: process.argv[2],
  apiVersion: "2024-10-21",
  apiKey: "the-callers-own-key",
  fetch: async (url, init) => {
    const sent = performance.now() / 1000;
    const response = await fetch(url, init);
    const wait = Number(response.headers.get("retry-after-ms") ?? 0) / 1000;
    seen.push({ status: response.status, sent, came: performance.now() / 1000, wait });
    return response;
  },
});
try {
  await client.chat.completions.create({ model: "gpt", messages: [{ role: "user", content: "Hello" }] });
} catch (e) {
  if (!(e instanceof RateLimitError)) throw e;
  console.log(JSON.stringify(seen));
}
