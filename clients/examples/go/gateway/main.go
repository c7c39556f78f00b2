// Gateway serves the RPCs as JSON over HTTP by the rules of protos/rest.yaml, and what it serves at /openapi.json.
//
// Usage: gateway [GRPC_ADDRESS [HTTP_ADDRESS]]
//
// A header Authorization goes on to the service. Keep the gateway on its machine, or put TLS in front of both.
package main

import (
	"context"
	_ "embed"
	"fmt"
	"log"
	"net"
	"net/http"
	"os"
	"time"

	"github.com/grpc-ecosystem/grpc-gateway/v2/runtime"
	_ "google.golang.org/genproto/googleapis/rpc/errdetails" // what errors hold, to be written as JSON
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"

	pb "almeno/credit/v1"
)

//go:embed almeno.swagger.json
var openapi []byte

func main() {
	addresses := append(os.Args[1:], []string{"127.0.0.1:50051", "127.0.0.1:8080"}[min(len(os.Args)-1, 2):]...)
	channel, err := grpc.NewClient(addresses[0], grpc.WithTransportCredentials(insecure.NewCredentials()))
	check(err)
	rest := runtime.NewServeMux()
	for _, register := range []func(context.Context, *runtime.ServeMux, *grpc.ClientConn) error{
		pb.RegisterCreditServiceHandler,
		pb.RegisterLoanServiceHandler,
		pb.RegisterPortfolioServiceHandler,
		pb.RegisterAccessServiceHandler,
	} {
		check(register(context.Background(), rest, channel))
	}
	mux := http.NewServeMux()
	mux.Handle("/", rest)
	mux.HandleFunc("/openapi.json", func(writer http.ResponseWriter, _ *http.Request) {
		writer.Header().Set("Content-Type", "application/json")
		writer.Write(openapi)
	})
	listener, err := net.Listen("tcp", addresses[1])
	check(err)
	fmt.Println("serving on", listener.Addr())
	server := &http.Server{Handler: mux, ReadHeaderTimeout: 10 * time.Second}
	check(server.Serve(listener))
}

func check(err error) {
	if err != nil {
		log.Fatal(err)
	}
}
