// Registers a customer, checks and books a loan, uploads a file and reads an error.
//
// Usage: npm run lend -- [ADDRESS [KEY_FILE]]

import { randomInt, randomUUID } from "node:crypto";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import * as grpc from "@grpc/grpc-js";
import { loadSync, type AnyExtension, type MessageTypeDefinition } from "@grpc/proto-loader";
import type { ProtoGrpcType as Credit } from "./gen/credit_service";
import type { ProtoGrpcType as Portfolio } from "./gen/portfolio_service";
import type { BadRequest__Output } from "./gen/google/rpc/BadRequest";
import type { ErrorInfo__Output } from "./gen/google/rpc/ErrorInfo";
import type { Status, Status__Output } from "./gen/google/rpc/Status";
import type { PortfolioServiceClient } from "./gen/almeno/credit/v1/PortfolioService";
import type { StartImportResponse__Output } from "./gen/almeno/credit/v1/StartImportResponse";

// What may be sent again, for a request_id makes it safe. Of uploads gRPC repeats those that fit its retry buffer, of
// 1 MiB: send a larger one again yourself, with the same request_id.
const retries = {
  methodConfig: [{
    name: [{ service: "almeno.credit.v1.CreditService" }, { service: "almeno.credit.v1.PortfolioService" }],
    retryPolicy: {
      maxAttempts: 5, initialBackoff: "0.1s", maxBackoff: "2s", backoffMultiplier: 2,
      retryableStatusCodes: ["UNAVAILABLE", "ABORTED", "RESOURCE_EXHAUSTED"],
    },
  }],
};

const example = process.cwd();
const definition = loadSync(
  ["credit_service", "portfolio_service"].map((name) => `almeno/credit/v1/${name}.proto`)
    .concat("google/rpc/status.proto", "google/rpc/error_details.proto"),
  {
    includeDirs: [join(example, "../../../protos"), join(example, "node_modules/google-proto-files")],
    longs: String, enums: String, json: true,
  },
);
const { almeno } = grpc.loadPackageDefinition(definition) as unknown as Credit & Portfolio;
const statusType = definition["google.rpc.Status"] as MessageTypeDefinition<Status, Status__Output>;

const [address = "127.0.0.1:50051", keyFile] = process.argv.slice(2);
const key = keyFile && readFileSync(keyFile, "utf8").trim();

// Gives each call 30 seconds, and the API key where there is one.
const prepared: grpc.Interceptor = (options, next) =>
  new grpc.InterceptingCall(next({ ...options, deadline: Date.now() + 30_000 }), {
    start(metadata, listener, go) {
      if (key) metadata.set("authorization", `Bearer ${key}`);
      go(metadata, listener);
    },
  });

// Calls a method of a client and waits for its answer.
function call<Request, Answer>(
  client: grpc.Client,
  method: (request: Request, callback: grpc.requestCallback<Answer>) => grpc.ClientUnaryCall,
  request: Request,
): Promise<Answer> {
  return new Promise((resolve, reject) =>
    method.call(client, request, (error, answer) => (error ? reject(error) : resolve(answer!))));
}

async function main() {
  const options = { "grpc.service_config": JSON.stringify(retries), interceptors: [prepared] };
  const { CreditService, PortfolioService } = almeno.credit.v1;
  const credit = new CreditService(address, grpc.credentials.createInsecure(), options);
  const portfolio = new PortfolioService(address, grpc.credentials.createInsecure(), options);

  const person = {
    requestId: randomUUID(),
    firstName: "Meera",
    lastName: "Nair",
    age: 41,
    monthlyIncome: { units: 85_000 },
    phoneNumber: `+9198${String(randomInt(100_000_000)).padStart(8, "0")}`,
  };
  const { customer } = await call(credit, credit.registerCustomer, person);
  console.log("registered: limit", customer?.approvedLimit?.units);

  const terms = {
    customerId: customer?.customerId,
    loanAmount: { units: 500_000 },
    interestRate: { value: "10.5" },
    tenureMonths: 60,
  };
  const { decision } = await call(credit, credit.checkEligibility, terms);
  console.log("checked: approved", decision?.approved, "score", decision?.creditScore);

  // The same request_id books once, however often it is sent.
  const application = { requestId: randomUUID(), ...terms };
  const first = await call(credit, credit.createLoan, application);
  const again = await call(credit, credit.createLoan, application);
  console.log("booked: once", first.loan?.loanId === again.loan?.loanId);

  console.log("uploaded:", (await upload(portfolio)).bookImport?.state);

  try {
    await call(credit, credit.registerCustomer, { ...person, requestId: randomUUID(), age: 3 });
  } catch (error) {
    explain(error as grpc.ServiceError);
  }
  credit.close();
  portfolio.close();
}

// Sends the header, then the file in pieces.
function upload(portfolio: PortfolioServiceClient): Promise<StartImportResponse__Output> {
  const file = Buffer.from("Customer ID,First Name,Last Name,Age,Phone Number,Monthly Salary,Approved Limit\n" +
    "1,Asha,Verma,34,9629317944,50000,1800000\n");
  return new Promise((resolve, reject) => {
    const stream = portfolio.startImport((error, answer) => (error ? reject(error) : resolve(answer!)));
    stream.write({
      header: {
        kind: "IMPORT_KIND_CUSTOMERS", fileName: "customers.csv", sizeBytes: file.length, requestId: randomUUID(),
      },
    });
    for (let start = 0; start < file.length; start += 128 * 1024) {
      stream.write({ chunk: file.subarray(start, start + 128 * 1024) });
    }
    stream.end();
  });
}

// Prints the code of an error, its reason, and the fields that are wrong.
function explain(error: grpc.ServiceError) {
  const [bytes] = error.metadata.get("grpc-status-details-bin");
  if (!bytes) { // Not of the service itself: of a proxy, or of gRPC.
    console.log("refused:", grpc.status[error.code], error.details);
    return;
  }
  for (const detail of statusType.deserialize(bytes as Buffer).details as AnyExtension[]) {
    if (detail["@type"].endsWith("google.rpc.ErrorInfo")) {
      console.log("refused:", grpc.status[error.code], (detail as AnyExtension & ErrorInfo__Output).reason);
    } else if (detail["@type"].endsWith("google.rpc.BadRequest")) {
      for (const violation of (detail as AnyExtension & BadRequest__Output).fieldViolations ?? []) {
        console.log("field:", violation.field, "-", violation.description);
      }
    }
  }
}

main().catch((error) => {
  console.error(error.message);
  process.exitCode = 1;
});
