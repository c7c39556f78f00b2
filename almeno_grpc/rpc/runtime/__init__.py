"""What surrounds every call: a chain of small steps between gRPC's server and the servicers.

| step | module | what it does |
|---|---|---|
| admission | `admission` | picks the handler of a call: the method's, or one that rejects it |
| room | `calls`, `quotas` | counts the call in its caller's share, until its answer has left |
| dispatch | `dispatch`, `early_dispatch`, `executors` | receives the request and finds a thread |
| authentication, scopes | to come: `MethodHandler` marks the place | |
| decoding | `decoding` | bytes become a message, within the size limit |
| deadline | `deadline` | ends calls whose caller does not send or does not read, or whose deadline has passed |
| the servicer | `almeno_grpc.rpc.credit_servicer` and others | |
| errors | `errors` | the domain's errors become statuses; all others become INTERNAL |
| audit | to come: `MethodHandler` marks the place | |
| metrics, log | `metrics`, `log` | counts the outcome, logs what is slow or has failed |

Streams that hold no thread: `watches`, `exchanges`.

`method_handler` composes the steps from decoding on. gRPC by itself answers INTERNAL or UNKNOWN where a message cannot
be decoded or a handler raises, and queues calls without a limit: so it is handed methods that take bytes and give
bytes.
"""
