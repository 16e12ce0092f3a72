// gRPC's interoperability cases, played by grpc-js.
// usage: node interop.js PROTO, with addresses as JSON lines on stdin; prints a result as a JSON line each.
const assert = require("node:assert");
const fs = require("node:fs");
const path = require("node:path");
const grpc = require("@grpc/grpc-js");
const loader = require("@grpc/proto-loader");

const { testing } = grpc.loadPackageDefinition(
  loader.loadSync(process.argv[2], { keepCase: true, enums: String, defaults: true }),
).grpc;
const SIZES_IN = [27182, 8, 1828, 45904];
const SIZES_OUT = [31415, 9, 2653, 58979];
const LARGE = { response_size: 314159, payload: { body: Buffer.alloc(271828) } };
const SPECIAL = "\t\ntest with whitespace\r\nand Unicode BMP ☺ and non-BMP 😈\t\n";
const { CANCELLED, UNKNOWN, DEADLINE_EXCEEDED, UNIMPLEMENTED } = grpc.status;

const asking = (sizes, padding = 0) => ({
  response_parameters: sizes.map((size) => ({ size })),
  payload: { body: Buffer.alloc(padding) },
});
const upload = (size) => ({ payload: { body: Buffer.alloc(size) } });

// A unary call: its answer, initial and trailing metadata; or it throws what grpc-js says.
const unary = (client, method, message, metadata = new grpc.Metadata(), options = {}) =>
  new Promise((resolve, reject) => {
    const seen = {};
    const call = client[method](message, metadata, options, (error, answer) => {
      if (error) reject(error);
      else seen.answer = answer;
    });
    call.on("metadata", (initial) => (seen.initial = initial));
    call.on("status", (status) => {
      seen.trailing = status.metadata;
      setImmediate(() => resolve(seen));
    });
  });

// A call that streams answers: next() gives one, or null after OK, or throws.
const reading = (call) => {
  const found = [];
  const waiting = [];
  const put = (item) => (waiting.length ? waiting.shift()(item) : found.push(item));
  call.on("data", (answer) => put({ answer }));
  call.on("metadata", (initial) => (call.initial = initial));
  call.on("error", (error) => put({ error }));
  call.on("status", (status) => {
    call.trailing = status.metadata;
    if (status.code === grpc.status.OK) put({ answer: null });
  });
  call.next = async () => {
    const item = found.length ? found.shift() : await new Promise((resolve) => waiting.push(resolve));
    if (item.error) throw item.error;
    return item.answer;
  };
  return call;
};

const fails = async (promise, code, message) => {
  const error = await promise.then(
    (answer) => assert.fail(`the call did not fail: ${answer}`),
    (error) => error,
  );
  assert.strictEqual(error.code, code);
  if (message !== undefined) assert.strictEqual(error.details, message);
};

const uploading = (client, metadata = new grpc.Metadata(), options = {}) => {
  let call;
  const answer = new Promise((resolve, reject) => {
    call = client.StreamingInputCall(metadata, options, (error, answer) =>
      error ? reject(error) : resolve(answer),
    );
  });
  return { call, answer };
};

const GZIP = { "grpc.default_compression_algorithm": 2 };

const CASES = {
  empty_unary: async (client) => {
    assert.deepStrictEqual({ ...(await unary(client, "EmptyCall", {})).answer }, {});
  },
  large_unary: async (client) => {
    assert.strictEqual((await unary(client, "UnaryCall", LARGE)).answer.payload.body.length, 314159);
  },
  client_compressed_unary: async (client, connect) => {
    const compressing = connect(GZIP);
    const { answer } = await unary(compressing, "UnaryCall", LARGE);
    compressing.close();
    assert.strictEqual(answer.payload.body.length, 314159);
  },
  client_streaming: async (client) => {
    const { call, answer } = uploading(client);
    SIZES_IN.forEach((size) => call.write(upload(size)));
    call.end();
    assert.strictEqual((await answer).aggregated_payload_size, 74922);
  },
  client_compressed_streaming: async (client, connect) => {
    const compressing = connect(GZIP);
    const { call, answer } = uploading(compressing);
    SIZES_IN.forEach((size) => call.write(upload(size)));
    call.end();
    assert.strictEqual((await answer).aggregated_payload_size, 74922);
    compressing.close();
  },
  server_streaming: async (client) => {
    const call = reading(client.StreamingOutputCall(asking(SIZES_OUT)));
    for (const size of SIZES_OUT) assert.strictEqual((await call.next()).payload.body.length, size);
    assert.strictEqual(await call.next(), null);
  },
  ping_pong: async (client) => {
    const call = reading(client.FullDuplexCall());
    for (const [index, size] of SIZES_OUT.entries()) {
      call.write(asking([size], SIZES_IN[index]));
      assert.strictEqual((await call.next()).payload.body.length, size);
    }
    call.end();
    assert.strictEqual(await call.next(), null);
  },
  empty_stream: async (client) => {
    const call = reading(client.FullDuplexCall());
    call.end();
    assert.strictEqual(await call.next(), null);
  },
  cancel_after_begin: async (client) => {
    const { call, answer } = uploading(client);
    setImmediate(() => call.cancel());
    await fails(answer, CANCELLED);
  },
  cancel_after_first_response: async (client) => {
    const call = reading(client.FullDuplexCall());
    call.write(asking([SIZES_OUT[0]], SIZES_IN[0]));
    assert.strictEqual((await call.next()).payload.body.length, SIZES_OUT[0]);
    call.cancel();
    await fails(call.next(), CANCELLED);
  },
  timeout_on_sleeping_server: async (client) => {
    const call = reading(client.FullDuplexCall({ deadline: Date.now() + 50 }));
    call.write(asking([], SIZES_IN[0]));
    await fails(call.next(), DEADLINE_EXCEEDED);
  },
  status_code_and_message: async (client) => {
    const response_status = { code: UNKNOWN, message: "test status message" };
    await fails(unary(client, "UnaryCall", { response_status }), UNKNOWN, "test status message");
    const call = reading(client.FullDuplexCall());
    call.write({ response_status });
    await fails(call.next(), UNKNOWN, "test status message");
  },
  special_status_message: async (client) => {
    const response_status = { code: UNKNOWN, message: SPECIAL };
    await fails(unary(client, "UnaryCall", { response_status }), UNKNOWN, SPECIAL);
  },
  custom_metadata: async (client) => {
    const metadata = new grpc.Metadata();
    metadata.set("x-grpc-test-echo-initial", "test_initial_metadata_value");
    metadata.set("x-grpc-test-echo-trailing-bin", Buffer.from([0xab, 0xab, 0xab]));
    const echoed = (initial, trailing) => {
      assert.deepStrictEqual(initial.get("x-grpc-test-echo-initial"), ["test_initial_metadata_value"]);
      assert.deepStrictEqual(trailing.get("x-grpc-test-echo-trailing-bin"), [Buffer.from([0xab, 0xab, 0xab])]);
    };
    const seen = await unary(client, "UnaryCall", { response_size: 1 }, metadata);
    echoed(seen.initial, seen.trailing);
    const call = reading(client.FullDuplexCall(metadata));
    call.write(asking([1]));
    await call.next();
    call.end();
    assert.strictEqual(await call.next(), null);
    echoed(call.initial, call.trailing);
  },
  unimplemented_method: async (client) => fails(unary(client, "UnimplementedCall", {}), UNIMPLEMENTED),
  unimplemented_service: async (client, connect) => {
    const other = connect({}, testing.UnimplementedService);
    await fails(unary(other, "UnimplementedCall", {}), UNIMPLEMENTED);
    other.close();
  },
};

const credentials = ({ security, folder }) => {
  const file = (name) => fs.readFileSync(path.join(folder, name));
  if (security === "plain") return grpc.credentials.createInsecure();
  if (security === "tls") return grpc.credentials.createSsl(file("ca.pem"));
  return grpc.credentials.createSsl(file("ca.pem"), file("client-key.pem"), file("client.pem"));
};

const patient = (promise) => {
  let timer;
  const late = new Promise((_, reject) => {
    timer = setTimeout(() => reject(new Error("no end within 20 s")), 20000);
  });
  return Promise.race([promise, late]).finally(() => clearTimeout(timer));
};

const main = async () => {
  for (const line of fs.readFileSync(0, "utf8").split("\n").filter(Boolean)) {
    const where = JSON.parse(line);
    const connect = (options = {}, Service = testing.TestService) =>
      new Service(where.address, credentials(where), { "grpc.use_local_subchannel_pool": 1, ...options });
    const client = connect();
    for (const [name, play] of Object.entries(CASES)) {
      const result = { client: "grpc-js", engine: where.engine, security: where.security, case: name };
      try {
        await patient(play(client, connect));
        console.log(JSON.stringify({ ...result, outcome: "passed", why: "" }));
      } catch (error) {
        const why = String(error).slice(0, 400);
        console.log(JSON.stringify({ ...result, outcome: "failed", why }));
      }
    }
    client.close();
  }
};

main();
