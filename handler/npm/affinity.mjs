// Goes back to things that live in one resource, as any program with the official client does, without a header of its
// own: node affinity.mjs GATEWAY GATEWAY. Each call goes to the other gateway than the one before. Half way it prints
// "restart" and waits for a line. At the end it prints the ids that it named, by what they belong to.
import { strict as assert } from "node:assert";
import { once } from "node:events";
import OpenAI, { AzureOpenAI, toFile } from "openai";

const gateways = process.argv.slice(2);
const azures = gateways.map((endpoint) => new AzureOpenAI({ endpoint, apiVersion: "2025-04-01-preview", apiKey: "callers" }));
const v1s = gateways.map((gateway) => new OpenAI({ baseURL: `${gateway}/openai/v1`, apiKey: "callers" }));
let calls = 0;
const azure = () => azures[calls++ % azures.length];
const v1 = () => v1s[calls++ % v1s.length];

// A conversation of responses: each turn names the one before; every third is a stream.
class Conversation {
  ids = [];
  async turn() {
    const ask = { model: "gpt", input: `turn ${this.ids.length}`, previous_response_id: this.ids.at(-1) };
    if (this.ids.length % 3 !== 2) {
      const response = await v1().responses.create(ask);
      assert.equal(response.previous_response_id, this.ids.at(-1) ?? null);
      this.ids.push(response.id);
      return;
    }
    for await (const event of await v1().responses.create({ ...ask, stream: true })) {
      if (event.type === "response.created") this.ids.push(event.response.id);
    }
  }
  begin = async () => { for (let i = 0; i < 5; i++) await this.turn(); };
  end = async () => {
    for (let i = 0; i < 5; i++) await this.turn();
    assert.equal(this.ids.length, 10);
    const last = await v1().responses.retrieve(this.ids.at(-1));
    assert.equal(last.id, this.ids.at(-1));
  };
}

// A conversation that its caller keeps: the resource's reasoning comes back to it, encrypted.
class KeptConversation {
  ids = [];
  input = [];
  async turn() {
    this.input.push({ role: "user", content: "and then?" });
    const response = await v1().responses.create({ model: "gpt", store: false, include: ["reasoning.encrypted_content"], input: this.input });
    this.ids.push(...response.output.filter((item) => item.type === "reasoning").map((item) => item.id));
    this.input.push(...response.output);
  }
  begin = async () => { for (let i = 0; i < 3; i++) await this.turn(); };
  end = async () => { for (let i = 0; i < 3; i++) await this.turn(); assert.equal(this.ids.length, 6); };
}

// A file that becomes a batch, whose output is a file.
class Batch {
  ids = [];
  begin = async () => {
    const file = await azure().files.create({ file: await toFile(Buffer.from("{}\n"), "batch.jsonl"), purpose: "batch" });
    this.ids.push(file.id);
  };
  end = async () => {
    const made = await azure().batches.create({ input_file_id: this.ids[0], endpoint: "/v1/responses", completion_window: "24h" });
    const batch = await azure().batches.retrieve(made.id);
    assert.equal(batch.status, "completed");
    const output = await (await azure().files.content(batch.output_file_id)).text();
    assert.ok(output.includes('"status_code":200'), `the output file holds ${output}`);
    this.ids.push(batch.id, batch.output_file_id);
  };
}

// An assistant with a vector store that runs a thread.
class Assistant {
  ids = [];
  begin = async () => {
    const store = await azure().vectorStores.create({ name: "facts" });
    const assistant = await azure().beta.assistants.create({ model: "gpt", tool_resources: { file_search: { vector_store_ids: [store.id] } } });
    this.ids.push(store.id, assistant.id);
  };
  end = async () => {
    const run = await azure().beta.threads.createAndRun({ assistant_id: this.ids[1] });
    await azure().beta.threads.messages.create(run.thread_id, { role: "user", content: "hello" });
    const again = await azure().beta.threads.runs.create(run.thread_id, { assistant_id: this.ids[1] });
    const ended = await azure().beta.threads.runs.retrieve(again.id, { thread_id: run.thread_id });
    assert.equal(ended.status, "completed");
    this.ids.push(run.thread_id, again.id);
  };
}

const all = [Conversation, KeptConversation, Batch, Assistant].flatMap((Kind) => [new Kind(), new Kind(), new Kind()]);
for (const one of all) await one.begin();
console.log("restart");
await once(process.stdin, "data");
for (const one of all) await one.end();
console.log(JSON.stringify(all.map((one) => ({ kind: one.constructor.name, ids: one.ids }))));
process.exit(0);
