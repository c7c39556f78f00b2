import com.almeno.credit.v1.*;
import com.google.protobuf.ByteString;
import com.google.rpc.BadRequest;
import com.google.rpc.ErrorInfo;
import com.google.type.Decimal;
import com.google.type.Money;
import io.grpc.Grpc;
import io.grpc.InsecureChannelCredentials;
import io.grpc.Metadata;
import io.grpc.StatusRuntimeException;
import io.grpc.protobuf.StatusProto;
import io.grpc.stub.MetadataUtils;
import io.grpc.stub.StreamObserver;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.UUID;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ThreadLocalRandom;
import java.util.concurrent.TimeUnit;

/**
 * Registers a customer, checks and books a loan, uploads a file and reads an error.
 *
 * <p>Arguments: [ADDRESS [KEY_FILE]]
 */
public class Lend {
  /**
   * What may be sent again, for a request_id makes it safe. Of uploads gRPC repeats those that fit its retry buffer, of
   * 1 MiB: send a larger one again yourself, with the same request_id.
   */
  private static final Map<String, ?> RETRIES = Map.of("methodConfig", List.of(Map.of(
      "name", List.of(
          Map.of("service", "almeno.credit.v1.CreditService"), Map.of("service", "almeno.credit.v1.PortfolioService")),
      "retryPolicy", Map.of(
          "maxAttempts", 5.0, "initialBackoff", "0.1s", "maxBackoff", "2s", "backoffMultiplier", 2.0,
          "retryableStatusCodes", List.of("UNAVAILABLE", "ABORTED", "RESOURCE_EXHAUSTED")))));

  public static void main(String[] arguments) throws Exception {
    var address = arguments.length > 0 ? arguments[0] : "127.0.0.1:50051";
    var headers = new Metadata();
    if (arguments.length > 1) {
      var key = Files.readString(Path.of(arguments[1])).strip();
      headers.put(Metadata.Key.of("authorization", Metadata.ASCII_STRING_MARSHALLER), "Bearer " + key);
    }
    var channel = Grpc.newChannelBuilder(address, InsecureChannelCredentials.create())
        .defaultServiceConfig(RETRIES)
        .intercept(MetadataUtils.newAttachHeadersInterceptor(headers))
        .build();
    var credit = CreditServiceGrpc.newBlockingStub(channel).withDeadlineAfter(30, TimeUnit.SECONDS);
    var portfolio = PortfolioServiceGrpc.newStub(channel).withDeadlineAfter(30, TimeUnit.SECONDS);

    var person = RegisterCustomerRequest.newBuilder()
        .setRequestId(UUID.randomUUID().toString())
        .setFirstName("Meera")
        .setLastName("Nair")
        .setAge(41)
        .setMonthlyIncome(Money.newBuilder().setUnits(85_000))
        .setPhoneNumber("+9198%08d".formatted(ThreadLocalRandom.current().nextInt(100_000_000)));
    var customer = credit.registerCustomer(person.build()).getCustomer();
    System.out.println("registered: limit " + customer.getApprovedLimit().getUnits());

    var amount = Money.newBuilder().setUnits(500_000).build();
    var rate = Decimal.newBuilder().setValue("10.5").build();
    var decision = credit.checkEligibility(CheckEligibilityRequest.newBuilder()
        .setCustomerId(customer.getCustomerId())
        .setLoanAmount(amount)
        .setInterestRate(rate)
        .setTenureMonths(60)
        .build()).getDecision();
    System.out.println("checked: approved " + decision.getApproved() + " score " + decision.getCreditScore());

    // The same request_id books once, however often it is sent.
    var application = CreateLoanRequest.newBuilder()
        .setRequestId(UUID.randomUUID().toString())
        .setCustomerId(customer.getCustomerId())
        .setLoanAmount(amount)
        .setInterestRate(rate)
        .setTenureMonths(60)
        .build();
    var first = credit.createLoan(application).getLoan();
    var again = credit.createLoan(application).getLoan();
    System.out.println("booked: once " + (first.getLoanId() == again.getLoanId()));

    System.out.println("uploaded: " + upload(portfolio).getState());

    try {
      credit.registerCustomer(person.setRequestId(UUID.randomUUID().toString()).setAge(3).build());
    } catch (StatusRuntimeException error) {
      explain(error);
    }
    channel.shutdown().awaitTermination(5, TimeUnit.SECONDS);
  }

  /** Sends the header, then the file in pieces. */
  private static Import upload(PortfolioServiceGrpc.PortfolioServiceStub portfolio) throws Exception {
    var file = ByteString.copyFromUtf8(
        "Customer ID,First Name,Last Name,Age,Phone Number,Monthly Salary,Approved Limit\n"
            + "1,Asha,Verma,34,9629317944,50000,1800000\n");
    var answer = new CompletableFuture<StartImportResponse>();
    StreamObserver<StartImportRequest> stream = portfolio.startImport(new StreamObserver<>() {
      @Override public void onNext(StartImportResponse response) { answer.complete(response); }
      @Override public void onError(Throwable error) { answer.completeExceptionally(error); }
      @Override public void onCompleted() {}
    });
    stream.onNext(StartImportRequest.newBuilder().setHeader(ImportHeader.newBuilder()
        .setKind(ImportKind.IMPORT_KIND_CUSTOMERS)
        .setFileName("customers.csv")
        .setSizeBytes(file.size())
        .setRequestId(UUID.randomUUID().toString())).build());
    for (int start = 0; start < file.size(); start += 128 * 1024) {
      var chunk = file.substring(start, Math.min(start + 128 * 1024, file.size()));
      stream.onNext(StartImportRequest.newBuilder().setChunk(chunk).build());
    }
    stream.onCompleted();
    return answer.get().getBookImport();
  }

  /** Prints the code of an error, its reason, and the fields that are wrong. */
  private static void explain(StatusRuntimeException error) throws Exception {
    var status = StatusProto.fromThrowable(error);
    if (status == null || status.getDetailsCount() == 0) { // Not of the service itself: of a proxy, or of gRPC.
      System.out.println("refused: " + error.getStatus().getCode() + " " + error.getStatus().getDescription());
      return;
    }
    for (var detail : status.getDetailsList()) {
      if (detail.is(ErrorInfo.class)) {
        System.out.println("refused: " + error.getStatus().getCode() + " " + detail.unpack(ErrorInfo.class).getReason());
      } else if (detail.is(BadRequest.class)) {
        for (var violation : detail.unpack(BadRequest.class).getFieldViolationsList()) {
          System.out.println("field: " + violation.getField() + " - " + violation.getDescription());
        }
      }
    }
  }
}
