// Asks once for a whole answer and once for a stream; prints both as JSON.
// usage: node client.js PROTO HOST:PORT
const grpc = require("@grpc/grpc-js");
const loader = require("@grpc/proto-loader");

const [proto, target] = process.argv.slice(2);
const { llmservice } = grpc.loadPackageDefinition(
  loader.loadSync(proto, { keepCase: true, enums: String, longs: String, defaults: true }),
);
const client = new llmservice.v1.LLMService(target, grpc.credentials.createInsecure());
const request = {
  provider: "local",
  model: "smollm2-135m-instruct",
  max_tokens: 24,
  messages: [{ role: "user", content: "Say hello in five words." }],
};
const deadline = () => new Date(Date.now() + 60000);

const fail = (error) => {
  console.error(error);
  process.exit(1);
};

client.Invoke(request, { deadline: deadline() }, (error, whole) => {
  if (error) fail(error);
  const events = [];
  const stream = client.InvokeStream(request, { deadline: deadline() });
  stream.on("data", (event) => events.push(event));
  stream.on("error", fail);
  stream.on("end", () => {
    console.log(JSON.stringify({ whole, events }));
    client.close();
  });
});
