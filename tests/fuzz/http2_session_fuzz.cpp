// A client's HTTP/2 connection, with the session as the gateway runs it: whatever comes, the answer
// is a sequence of frames that RFC 9113 allows, and nothing is left of the connection when the
// client is gone.
#include <sys/socket.h>
#include <unistd.h>

#include <memory>
#include <set>

#include <Poco/Net/StreamSocketImpl.h>

#include "gateway/http2_session.h"
#include "region/clock.h"
#include "tests/fuzz/property.h"
#include "tests/unit/security/test_certificates.h"

namespace regent::fuzz {
namespace {

constexpr std::size_t kFrameHead = 9;
constexpr std::size_t kMaxFrame = 16'384;  // RFC 9113, 4.2: nobody has allowed more
constexpr std::string_view kGreeting = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\4\0\0\0\0\0";
constexpr int kRounds = 10'000;
constexpr std::size_t kGreetingBytes = 24 + kFrameHead;

// The first byte of an input.
constexpr std::uint8_t kNoPrimary = 1;  // writes are held; else there is no backend for them
constexpr std::uint8_t kNoGreeting = 2;
// Its upper half: how the bytes are cut into what comes at once.
constexpr std::size_t piece_bytes(std::uint8_t how) {
  return std::size_t{8} << (how >> 4);
}

struct NobodyHears final : Stream::Handler {
  void on_open() override {}
  void on_data(std::span<const std::byte>) override {}
  void on_end() override {}
  void on_drained() override {}
  void on_closed(const Error&) override {}
};

// One region, one gateway, one service without a backend: a data-plane thread as far as an HTTP/2
// connection sees it.
class Gateway {
 public:
  Gateway() {
    const ServiceTable table = next_table({}, topology_, GatewayId{0});
    pool_.set_table(table);
    context_.set_table(table);
    loop_.start();
  }

  // What a client is answered that sends the bytes, so many at once, and then ends its stream.
  std::string answer(std::string_view bytes, std::size_t at_once, bool primary) {
    int ends[2];
    require(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) == 0, "a pair of sockets");
    loop_.run_and_wait([&] { open(ends[0], primary); });
    for (std::size_t sent = 0; sent < bytes.size(); sent += at_once) {
      const std::string_view piece = bytes.substr(sent, at_once);
      if (::send(ends[1], piece.data(), piece.size(), MSG_NOSIGNAL) < 0) break;  // it is over
      if (sent + at_once < bytes.size()) let_it_read();
    }
    ::shutdown(ends[1], SHUT_WR);
    std::string answer;
    char buffer[4096];
    ssize_t got = 0;
    while ((got = ::recv(ends[1], buffer, sizeof buffer, 0)) > 0) {
      answer.append(buffer, static_cast<std::size_t>(got));
    }
    ::close(ends[1]);
    require(is_clean(), "nothing of a gone client is left", bytes);
    return answer;
  }

 private:
  // The loop looks at its sockets between two tasks.
  void let_it_read() {
    for (int i = 0; i < 2; ++i) loop_.run_and_wait([] {});
  }
  // What a closed socket causes comes with the loop's next events.
  bool is_clean() {
    bool clean = false;
    for (int i = 0; i < kRounds && !clean; ++i) {
      loop_.run_and_wait([&] {
        clean = sessions_.size() == 0 && context_.held.empty() && writes_.count() == 0 &&
                shared_.totals.connections == 0 && shared_.totals.held_bytes == 0;
      });
    }
    return clean;
  }
  static Topology one_region() {
    Topology topology;
    topology.cluster = "shop";
    topology.regions.resize(1);
    topology.regions[0].name = "us-east";
    topology.regions[0].gateways = {GatewayId{0}};
    topology.gateways = {{RegionId{0}, "gw1", "127.0.0.1", 0, 0, 0}};
    Service service;
    service.name = "orders";
    service.backends.resize(1);
    service.max_body_bytes = 1'000;
    topology.services.push_back(std::move(service));
    return topology;
  }
  static std::unique_ptr<Credentials> any_credentials(const test::TemporaryFolder& folder) {
    const Authority authority = test::make_authority();
    const CertificatePair pair = test::make_pair(authority, test::kGateway);
    folder.put("ca.crt", authority.certificate_pem());
    folder.put("own.crt", pair.certificate);
    folder.put("own.key", pair.key);
    auto loaded = Credentials::load(
        {folder.path("ca.crt"), folder.path("own.crt"), folder.path("own.key")}, test::kGateway);
    require(loaded.ok(), "credentials");
    return std::move(*loaded);
  }

  void open(int socket, bool primary) {
    Route route;
    route.epoch = Epoch{7};
    route.quorum = primary;
    if (primary) {
      route.primary = RegionId{0};
      route.known_until = route.serve_until = kNever;
    }
    cell_.publish(std::move(route));
    context_.tick_now = boot_now();
    require(sessions_.reserve(1), "one connection at a time");
    sessions_.add(std::make_unique<Http2Session>(
        context_, sessions_, 0,
        Stream::accepted(loop_,
                         Poco::Net::StreamSocket(new Poco::Net::StreamSocketImpl(socket)), {},
                         nobody_),
        "10.0.0.9"));
  }

  const test::TemporaryFolder folder_;
  const Topology topology_ = one_region();
  const std::unique_ptr<Credentials> credentials_ = any_credentials(folder_);
  NobodyHears nobody_;
  EventLoop loop_{"fuzz"};
  RouteCell cell_;
  WritesInFlight writes_;
  NullRequestObserver observer_;
  PlaneShared shared_{topology_, GatewayId{0}, cell_, writes_, *credentials_, observer_, {}};
  BackendPool pool_{loop_, topology_, GatewayId{0}, *credentials_, 0,
                    [](std::size_t, std::uint32_t) {}};
  ProxyContext context_{loop_, shared_, 0, pool_};
  SessionSet sessions_{loop_, observer_, shared_.totals.connections};
};

std::uint32_t number(std::string_view bytes) {
  std::uint32_t value = 0;
  for (const char c : bytes) value = value << 8 | static_cast<unsigned char>(c);
  return value;
}

void check_frames(std::string_view answer, std::string_view input) {
  std::set<std::uint32_t> begun;
  std::set<std::uint32_t> over;
  bool first = true;
  while (!answer.empty()) {
    require(answer.size() >= kFrameHead, "whole frames", input);
    const std::size_t size = number(answer.substr(0, 3));
    const int type = answer[3];
    const int flags = answer[4];
    const std::uint32_t id = number(answer.substr(5, 4));
    require(size <= kMaxFrame && answer.size() >= kFrameHead + size, "whole frames", input);
    require(!first || type == NGHTTP2_SETTINGS, "the preface is first", input);
    first = false;
    const bool of_answer = type == NGHTTP2_HEADERS || type == NGHTTP2_DATA;
    require(!of_answer || id % 2 == 1, "answers are for streams of the client", input);
    require(!of_answer || !over.contains(id), "nothing follows the end of a stream", input);
    if (type == NGHTTP2_HEADERS) begun.insert(id);
    require(type != NGHTTP2_DATA || begun.contains(id), "a head before its body", input);
    if (of_answer && (flags & NGHTTP2_FLAG_END_STREAM) != 0) over.insert(id);
    if (type == NGHTTP2_RST_STREAM) over.insert(id);
    require(type != NGHTTP2_PUSH_PROMISE && type != NGHTTP2_PRIORITY, "nobody asked for it", input);
    answer.remove_prefix(kFrameHead + size);
  }
}

void check_input(std::string_view input) {
  static Gateway gateway;
  if (input.empty()) return;
  const auto how = static_cast<std::uint8_t>(input.front());
  std::string bytes;
  if ((how & kNoGreeting) == 0) bytes.assign(kGreeting.data(), kGreetingBytes);
  bytes += input.substr(1);
  check_frames(gateway.answer(bytes, piece_bytes(how), (how & kNoPrimary) == 0), bytes);
}

}  // namespace
}  // namespace regent::fuzz

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  regent::fuzz::check_input(regent::fuzz::text_of(data, size));
  return 0;
}
