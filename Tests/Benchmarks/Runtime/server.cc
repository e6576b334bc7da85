// The yardstick: a C++ gRPC server with the asynchronous API, one completion queue on one thread.
// Its counterpart is RuntimeServer. Its first line says where it listens. With the argument `hint` it
// tells the library of each message that more may wait for it, which few servers do.

#include <grpcpp/grpcpp.h>

#include <cstdio>
#include <memory>

#include "runtime.grpc.pb.h"

using apus::bench::v1::Runtime;
using apus::v1::Event;

namespace {

constexpr int kMessagesPerStream = 1000;
// Calls that are asked for ahead; as many as the load has in flight.
constexpr int kPending = 1000;
// How messages of a stream are written.
grpc::WriteOptions options;

// One call in some state; the completion queue's tag.
class Call {
 public:
  virtual ~Call() = default;
  virtual void Proceed(bool ok) = 0;
};

class Take final : public Call {
 public:
  Take(Runtime::AsyncService* service, grpc::ServerCompletionQueue* queue)
      : service_(service), queue_(queue), writer_(&context_) {
    service_->RequestTake(&context_, &request_, &writer_, queue_, queue_, this);
  }

  void Proceed(bool ok) override {
    if (done_ || !ok) {
      delete this;
      return;
    }
    new Take(service_, queue_);
    done_ = true;
    if (request_.has_metadata()) {
      writer_.Finish(response_, grpc::Status::OK, this);
    } else {
      writer_.FinishWithError(grpc::Status(grpc::INVALID_ARGUMENT, "empty"), this);
    }
  }

 private:
  Runtime::AsyncService* service_;
  grpc::ServerCompletionQueue* queue_;
  grpc::ServerContext context_;
  Event request_;
  google::protobuf::Empty response_;
  grpc::ServerAsyncResponseWriter<google::protobuf::Empty> writer_;
  bool done_ = false;
};

class Give final : public Call {
 public:
  Give(Runtime::AsyncService* service, grpc::ServerCompletionQueue* queue)
      : service_(service), queue_(queue), writer_(&context_) {
    service_->RequestGive(&context_, &request_, &writer_, queue_, queue_, this);
  }

  void Proceed(bool ok) override {
    if (done_ || !ok) {
      delete this;
      return;
    }
    if (!begun_) {
      begun_ = true;
      new Give(service_, queue_);
      writer_.SendInitialMetadata(this);
    } else if (sent_ < kMessagesPerStream) {
      sent_++;
      writer_.Write(request_, options, this);
    } else {
      done_ = true;
      writer_.Finish(grpc::Status::OK, this);
    }
  }

 private:
  Runtime::AsyncService* service_;
  grpc::ServerCompletionQueue* queue_;
  grpc::ServerContext context_;
  Event request_;
  grpc::ServerAsyncWriter<Event> writer_;
  int sent_ = 0;
  bool begun_ = false;
  bool done_ = false;
};

}  // namespace

int main(int count, char**) {
  if (count > 1) options.set_buffer_hint();
  int port = 0;
  Runtime::AsyncService service;
  grpc::ServerBuilder builder;
  builder.AddListeningPort("127.0.0.1:0", grpc::InsecureServerCredentials(), &port);
  builder.RegisterService(&service);
  std::unique_ptr<grpc::ServerCompletionQueue> queue = builder.AddCompletionQueue();
  std::unique_ptr<grpc::Server> server = builder.BuildAndStart();
  if (!server) return 1;
  for (int i = 0; i < kPending; i++) {
    new Take(&service, queue.get());
    if (i < 100) new Give(&service, queue.get());
  }
  std::printf("server.cc listens on 127.0.0.1:%d\n", port);
  std::fflush(stdout);
  void* tag;
  bool ok;
  while (queue->Next(&tag, &ok)) static_cast<Call*>(tag)->Proceed(ok);
}
