// Asks once and prints the answer as it comes. usage: node client.js [HOST:PORT]
const path = require("node:path");
const grpc = require("@grpc/grpc-js");
const loader = require("@grpc/proto-loader");

const proto = process.env.LLMSERVICE_PROTO ?? path.join(__dirname, "../../proto/llmservice/v1/llm_service.proto");
const { llmservice } = grpc.loadPackageDefinition(
  loader.loadSync(proto, { keepCase: true, enums: String, longs: Number, defaults: true }),
);
const target = process.argv[2] ?? "127.0.0.1:50051";
// Over a network: grpc.credentials.createSsl().
const client = new llmservice.v1.LLMService(target, grpc.credentials.createInsecure());

const metadata = new grpc.Metadata();
if (process.env.LLMSERVICE_TOKEN) metadata.set("authorization", `Bearer ${process.env.LLMSERVICE_TOKEN}`);

const stream = client.InvokeStream(
  {
    provider: "local",
    model: "smollm2-135m-instruct",
    messages: [{ role: "user", content: "Say hello in five words." }],
    max_tokens: 24,
  },
  metadata,
  { deadline: Date.now() + 60_000 },
);
stream.on("data", (event) => {
  process.stdout.write(event.content);
  if (event.type === "STREAM_EVENT_TYPE_FINISH") {
    console.error(`\n${event.usage.input_tokens} tokens in, ${event.usage.output_tokens} out`);
  }
});
stream.on("error", (error) => {
  // google.rpc.Status in `grpc-status-details-bin` says more: reason, when to retry, usage.
  const [details] = error.metadata?.get("grpc-status-details-bin") ?? [];
  console.error(`${grpc.status[error.code]}: ${error.details} (${details?.length ?? 0} bytes of details)`);
  process.exitCode = 1;
});
stream.on("status", () => client.close());
