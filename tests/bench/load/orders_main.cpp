// A backend like deploy/local/orders that keeps up with thousands of writes a second: one process
// for all backends of a region, which share its orders and the highest epoch seen.
//   regent_orders --region us-east --listen 10.0.1.31:9000 --listen 10.0.1.32:9000 --record FILE
//
//   POST /orders {"id": "a1"}   201 taken; 200 if this id was taken before; 409 stale_epoch
//   GET  anything               200
//
// Orders are kept in memory, and each new one is a line of JSON in the file, written before the
// answer: {"id","epoch","region","backend","time_ns","key"}. The highest epoch is found there when
// the process starts again.
#include <fcntl.h>
#include <unistd.h>

#include <charconv>
#include <csignal>
#include <cstdio>
#include <fstream>
#include <optional>
#include <unordered_map>
#include <unordered_set>

#include <CLI/CLI.hpp>
#include <Poco/Exception.h>
#include <boost/beast/http/parser.hpp>
#include <boost/beast/http/string_body.hpp>

#include "quorum/check.h"
#include "region/listener.h"
#include "region/stream.h"
#include "tests/bench/load/load_record.h"

namespace {

using namespace regent;
namespace http = boost::beast::http;
using OrderRequest = http::request<http::string_body>;

struct Reply {
  unsigned status;
  std::string body;
};

// The text of `"name": "text"` in a JSON object, nullopt when there is none. No escapes: ids here
// have none.
std::optional<std::string> text_field(std::string_view json, std::string_view name) {
  const std::string quoted = '"' + std::string(name) + '"';
  std::size_t at = json.find(quoted);
  if (at == std::string_view::npos) return std::nullopt;
  at = json.find_first_not_of(" :", at + quoted.size());
  if (at == std::string_view::npos || json[at] != '"') return std::nullopt;
  const std::size_t end = json.find('"', at + 1);
  if (end == std::string_view::npos) return std::nullopt;
  return std::string(json.substr(at + 1, end - at - 1));
}

// The orders of a region.
class Store {
 public:
  Store(std::string region, const std::string& path) : region_(std::move(region)) {
    std::ifstream earlier(path);
    for (std::string line; std::getline(earlier, line);) {
      if (auto id = text_field(line, "id")) ids_.insert(std::move(*id));
      const std::size_t at = line.find("\"epoch\":");
      if (at != std::string::npos) see(std::strtoull(line.c_str() + at + 8, nullptr, 10));
    }
    fd_ = ::open(path.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0644);
  }
  ~Store() { ::close(fd_); }
  Store(const Store&) = delete;
  Store& operator=(const Store&) = delete;
  bool ready() const { return fd_ >= 0; }

  Reply take(const OrderRequest& request, const std::string& backend) {
    if (request.method() != http::verb::post) return {200, "{\"status\":\"ok\"}\n"};
    const auto header = request["Regent-Epoch"];
    std::uint64_t epoch = 0;
    std::from_chars(header.data(), header.data() + header.size(), epoch);
    const auto id = text_field(request.body(), "id");
    if (!id) return {400, "{\"success\":false,\"error\":\"bad_request\"}\n"};
    if (epoch < highest_) return {409, "{\"success\":false,\"error\":\"stale_epoch\"}\n"};
    see(epoch);
    const bool fresh = ids_.insert(*id).second;
    if (fresh) record(*id, epoch, backend, !request["Idempotency-Key"].empty());
    return {fresh ? 201U : 200U, std::string("{\"success\":true,\"duplicate\":") +
                                     (fresh ? "false" : "true") + ",\"region\":\"" + region_ +
                                     "\"}\n"};
  }

 private:
  void see(std::uint64_t epoch) { highest_ = std::max(highest_, epoch); }

  void record(const std::string& id, std::uint64_t epoch, const std::string& backend, bool key) {
    const std::string line = "{\"id\":\"" + id + "\",\"epoch\":" + std::to_string(epoch) +
                             ",\"region\":\"" + region_ + "\",\"backend\":\"" + backend +
                             "\",\"time_ns\":" + std::to_string(load::monotonic_ns()) +
                             ",\"key\":" + (key ? "true" : "false") + "}\n";
    CHECK(::write(fd_, line.data(), line.size()) == static_cast<ssize_t>(line.size()));
  }

  const std::string region_;
  int fd_ = -1;
  std::uint64_t highest_ = 0;
  std::unordered_set<std::string> ids_;
};

class Server;

// One connection; it destroys itself through its server.
class Client final : private Stream::Handler {
 public:
  Client(Server& server, std::string backend) : server_(server), backend_(std::move(backend)) {}
  void open(EventLoop& loop, Poco::Net::StreamSocket socket) {
    parser_.emplace();
    stream_ = Stream::accepted(loop, std::move(socket), std::nullopt, *this);
  }

 private:
  void on_open() override {}
  void on_data(std::span<const std::byte> data) override;
  void on_end() override;
  void on_drained() override {}
  void on_closed(const Error& reason) override;

  Server& server_;
  const std::string backend_;
  std::unique_ptr<Stream> stream_;
  std::optional<http::request_parser<http::string_body>> parser_;
};

class Server {
 public:
  Server(EventLoop& loop, Store& store) : loop_(loop), store_(store) {}

  Status listen(const std::string& address) {
    auto listener = Listener::open(loop_, Poco::Net::SocketAddress(address),
                                   [this, address](Poco::Net::StreamSocket socket) {
                                     auto client = std::make_unique<Client>(*this, address);
                                     Client* opened = client.get();
                                     clients_.emplace(opened, std::move(client));
                                     opened->open(loop_, std::move(socket));
                                   });
    if (!listener) return listener.error();
    listeners_.push_back(std::move(*listener));
    return Done{};
  }
  void close() {
    listeners_.clear();
    clients_.clear();
  }
  Reply take(const OrderRequest& request, const std::string& backend) {
    return store_.take(request, backend);
  }
  void drop(Client& client) {
    loop_.post([this, &client] { clients_.erase(&client); });
  }

 private:
  EventLoop& loop_;
  Store& store_;
  std::vector<std::unique_ptr<Listener>> listeners_;
  std::unordered_map<Client*, std::unique_ptr<Client>> clients_;
};

void Client::on_data(std::span<const std::byte> data) {
  const char* bytes = reinterpret_cast<const char*>(data.data());
  std::size_t used = 0;
  while (used < data.size()) {
    boost::system::error_code error;
    used += parser_->put(boost::asio::buffer(bytes + used, data.size() - used), error);
    if (error == http::error::need_more) return;
    if (error) return on_end();
    if (!parser_->is_done()) continue;
    const Reply reply = server_.take(parser_->get(), backend_);
    stream_->write("HTTP/1.1 " + std::to_string(reply.status) +
                   " Answer\r\nContent-Type: application/json\r\nContent-Length: " +
                   std::to_string(reply.body.size()) + "\r\n\r\n" + reply.body);
    parser_.emplace();
  }
}

void Client::on_end() {
  if (!stream_) return;
  stream_.reset();
  server_.drop(*this);
}

void Client::on_closed(const Error&) {
  on_end();
}

}  // namespace

int main(int argc, char** argv) {
  sigset_t ends;
  sigemptyset(&ends);
  sigaddset(&ends, SIGTERM);
  sigaddset(&ends, SIGINT);
  pthread_sigmask(SIG_BLOCK, &ends, nullptr);
  std::string region;
  std::string record;
  std::vector<std::string> addresses;
  CLI::App app{"The backends of a region, in memory"};
  app.add_option("--region", region)->required();
  app.add_option("--listen", addresses, "HOST:PORT, repeatable")->required();
  app.add_option("--record", record, "append each new order as a line of JSON")->required();
  CLI11_PARSE(app, argc, argv);
  Store store(region, record);
  if (!store.ready()) {
    std::fprintf(stderr, "regent_orders: cannot write %s\n", record.c_str());
    return EXIT_FAILURE;
  }
  EventLoop loop("orders");
  Server server(loop, store);
  for (const std::string& address : addresses) {
    if (const Status status = server.listen(address); !status) {
      std::fprintf(stderr, "regent_orders: %s\n", status.error().message.c_str());
      return EXIT_FAILURE;
    }
  }
  loop.start();
  int signal = 0;
  sigwait(&ends, &signal);
  loop.stop();
  server.close();
}
