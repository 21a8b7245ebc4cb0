#include "client_fixture.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "region/clock.h"

namespace regent::client {

RouteRecord record(std::uint64_t epoch, const std::string& primary, Duration left) {
  RouteRecord record;
  record.epoch = Epoch{epoch};
  record.primary = primary;
  record.lease_end = boot_now() + left;
  if (primary.empty()) return record;
  record.gateways = {{"orders", {"10.0.1.10:8080", "10.0.1.15:8080"}},
                     {"stock", {"[fd00::1]:8090"}}};
  return record;
}

Route route(std::uint64_t epoch, const std::string& primary) {
  return {Epoch{epoch},
          primary,
          {{"10.0.1.10", 8080}, {"10.0.1.15", 8080}},
          {{"stock", {{"fd00::1", 8090}}}}};
}

void write_by_hand(test::RedisServer& redis, std::uint64_t epoch, const std::string& primary,
                   Duration left, const std::vector<std::string>& fields) {
  const auto ms = std::chrono::duration_cast<std::chrono::milliseconds>(left).count();
  std::vector<std::string> words{"HSET",           kKey,
                                 "epoch",          std::to_string(epoch),
                                 "primary",        primary,
                                 "gateways",       "10.0.1.10:8080,10.0.1.15:8080",
                                 "gateways:stock", "[fd00::1]:8090"};
  words.insert(words.end(), fields.begin(), fields.end());
  redis.run({"MULTI"});
  redis.run({"DEL", kKey});
  redis.run(words);
  redis.run({"PEXPIRE", kKey, std::to_string(ms)});
  redis.run({"EXEC"});
}

std::unique_ptr<RouteClient> start(RouteClient::Options options) {
  options.cluster = "shop";
  auto started = RouteClient::start(std::move(options));
  EXPECT_TRUE(started.ok()) << started.error().message;
  return std::move(*started);
}

std::unique_ptr<RouteClient> start(const std::vector<Address>& redis) {
  RouteClient::Options options;
  for (const Address& address : redis) options.redis.push_back(address.text());
  return start(std::move(options));
}

namespace {

std::string shown_by(const RouteClient& client) {
  const RouteView view = client.route();
  const std::string what =
      view ? view->primary + " in epoch " + std::to_string(view->epoch.value) : "nothing";
  return "it shows " + what + "; " + client.state().problem();
}

::testing::AssertionResult eventually(const RouteClient& client,
                                      const std::function<bool()>& condition) {
  if (test::eventually(condition)) return ::testing::AssertionSuccess();
  return ::testing::AssertionFailure() << shown_by(client);
}

}  // namespace

::testing::AssertionResult comes_to(const RouteClient& client, const Route& wanted) {
  return eventually(client, [&] {
    const RouteView view = client.route();
    return view && *view == wanted;
  });
}

::testing::AssertionResult comes_to_nothing(const RouteClient& client) {
  return eventually(client, [&] { return !client.route(); });
}

::testing::AssertionResult complains(const RouteClient& client, std::size_t source,
                                     const std::string& text) {
  return eventually(client, [&] {
    const auto sources = client.state().sources;
    return source < sources.size() && sources[source].problem.find(text) != std::string::npos;
  });
}

FakeServer::FakeServer(std::string bytes) : bytes_(std::move(bytes)) {
  listener_ = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t size = sizeof address;
  EXPECT_EQ(bind(listener_, reinterpret_cast<sockaddr*>(&address), size), 0);
  EXPECT_EQ(listen(listener_, 16), 0);
  getsockname(listener_, reinterpret_cast<sockaddr*>(&address), &size);
  address_ = {"127.0.0.1", ntohs(address.sin_port)};
  thread_ = std::thread([this] { run(); });
}

FakeServer::~FakeServer() {
  stopping_ = true;
  thread_.join();
  close(listener_);
}

void FakeServer::run() {
  std::vector<pollfd> watched{{listener_, POLLIN, 0}};
  while (!stopping_) {
    poll(watched.data(), watched.size(), 5);
    for (std::size_t i = watched.size(); i-- > 0;) {
      if (watched[i].revents == 0) continue;
      if (i == 0) {
        watched.push_back({accept4(listener_, nullptr, nullptr, SOCK_CLOEXEC), POLLIN, 0});
        continue;
      }
      char buffer[4096];
      if (recv(watched[i].fd, buffer, sizeof buffer, 0) > 0) {
        (void)!send(watched[i].fd, bytes_.data(), bytes_.size(), MSG_NOSIGNAL | MSG_DONTWAIT);
      } else {
        close(watched[i].fd);
        watched.erase(watched.begin() + static_cast<std::ptrdiff_t>(i));
      }
    }
  }
  for (std::size_t i = 1; i < watched.size(); ++i) close(watched[i].fd);
}

}  // namespace regent::client
