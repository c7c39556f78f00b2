// Lend registers a customer, checks and books a loan, uploads a file and reads an error.
//
// Usage: lend [ADDRESS [KEY_FILE]]
package main

import (
	"context"
	"fmt"
	"io"
	"log"
	"math/rand"
	"os"
	"strings"
	"time"

	"github.com/google/uuid"
	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/genproto/googleapis/type/decimal"
	"google.golang.org/genproto/googleapis/type/money"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"

	pb "almeno/credit/v1"
)

// What may be sent again, for a request_id makes it safe. Of uploads gRPC repeats those that fit its retry buffer, of
// 256 KiB: send a larger one again yourself, with the same request_id.
const retries = `{"methodConfig": [{
  "name": [{"service": "almeno.credit.v1.CreditService"}, {"service": "almeno.credit.v1.PortfolioService"}],
  "retryPolicy": {
    "maxAttempts": 5, "initialBackoff": "0.1s", "maxBackoff": "2s", "backoffMultiplier": 2,
    "retryableStatusCodes": ["UNAVAILABLE", "ABORTED", "RESOURCE_EXHAUSTED"]
  }
}]}`

func main() {
	address, ctx := "127.0.0.1:50051", context.Background()
	if len(os.Args) > 1 {
		address = os.Args[1]
	}
	if len(os.Args) > 2 {
		key := must(os.ReadFile(os.Args[2]))
		ctx = metadata.AppendToOutgoingContext(ctx, "authorization", "Bearer "+strings.TrimSpace(string(key)))
	}
	ctx, cancel := context.WithTimeout(ctx, 30*time.Second)
	defer cancel()

	channel := must(grpc.NewClient(address,
		grpc.WithTransportCredentials(insecure.NewCredentials()), grpc.WithDefaultServiceConfig(retries)))
	defer channel.Close()
	credit, portfolio := pb.NewCreditServiceClient(channel), pb.NewPortfolioServiceClient(channel)

	person := &pb.RegisterCustomerRequest{
		RequestId:     uuid.NewString(),
		FirstName:     "Meera",
		LastName:      "Nair",
		Age:           41,
		MonthlyIncome: &money.Money{Units: 85_000},
		PhoneNumber:   fmt.Sprintf("+9198%08d", rand.Intn(100_000_000)),
	}
	customer := must(credit.RegisterCustomer(ctx, person)).Customer
	fmt.Println("registered: limit", customer.ApprovedLimit.Units)

	amount, rate := &money.Money{Units: 500_000}, &decimal.Decimal{Value: "10.5"}
	decision := must(credit.CheckEligibility(ctx, &pb.CheckEligibilityRequest{
		CustomerId: customer.CustomerId, LoanAmount: amount, InterestRate: rate, TenureMonths: 60,
	})).Decision
	fmt.Println("checked: approved", decision.Approved, "score", decision.CreditScore)

	// The same request_id books once, however often it is sent.
	application := &pb.CreateLoanRequest{
		RequestId: uuid.NewString(), CustomerId: customer.CustomerId, LoanAmount: amount, InterestRate: rate, TenureMonths: 60,
	}
	first, again := must(credit.CreateLoan(ctx, application)).Loan, must(credit.CreateLoan(ctx, application)).Loan
	fmt.Println("booked: once", first.LoanId == again.LoanId)

	fmt.Println("uploaded:", upload(ctx, portfolio).State)

	person.RequestId, person.Age = uuid.NewString(), 3
	_, err := credit.RegisterCustomer(ctx, person)
	explain(err)
}

// upload sends the header, then the file in pieces.
func upload(ctx context.Context, portfolio pb.PortfolioServiceClient) *pb.Import {
	file := []byte("Customer ID,First Name,Last Name,Age,Phone Number,Monthly Salary,Approved Limit\n" +
		"1,Asha,Verma,34,9629317944,50000,1800000\n")
	size := int64(len(file))
	stream := must(portfolio.StartImport(ctx))
	header := &pb.ImportHeader{
		Kind: pb.ImportKind_IMPORT_KIND_CUSTOMERS, FileName: "customers.csv", SizeBytes: &size, RequestId: uuid.NewString(),
	}
	requests := []*pb.StartImportRequest{{Payload: &pb.StartImportRequest_Header{Header: header}}}
	for start := 0; start < len(file); start += 128 * 1024 {
		chunk := file[start:min(start+128*1024, len(file))]
		requests = append(requests, &pb.StartImportRequest{Payload: &pb.StartImportRequest_Chunk{Chunk: chunk}})
	}
	for _, request := range requests {
		err := stream.Send(request)
		if err == io.EOF {
			break // The server has ended the call: CloseAndRecv tells why.
		}
		check(err)
	}
	return must(stream.CloseAndRecv()).BookImport
}

// explain prints the code of an error, its reason, and the fields that are wrong.
func explain(err error) {
	refused := status.Convert(err)
	if len(refused.Details()) == 0 { // Not of the service itself: of a proxy, or of gRPC.
		fmt.Println("refused:", refused.Code(), refused.Message())
	}
	for _, detail := range refused.Details() {
		switch detail := detail.(type) {
		case *errdetails.ErrorInfo:
			fmt.Println("refused:", refused.Code(), detail.Reason)
		case *errdetails.BadRequest:
			for _, violation := range detail.FieldViolations {
				fmt.Println("field:", violation.Field, "-", violation.Description)
			}
		}
	}
}

func must[T any](value T, err error) T {
	check(err)
	return value
}

func check(err error) {
	if err != nil {
		log.Fatal(err)
	}
}
