#pragma once

#include <functional>
#include <list>
#include <memory>
#include <string>
#include <vector>

#include <Poco/Net/SocketAddress.h>

#include "region/event_loop.h"
#include "tests/bench/load/load_record.h"

namespace regent::load {

struct Target {
  std::string name;
  Poco::Net::SocketAddress address;
  std::string network;  // network namespace its clients are in; empty: this process's own
};

enum class Keys : std::uint8_t { none, half, all };

struct Plan {
  std::vector<Target> gateways;
  std::string prefix;  // of the ids
  double rate = 1000;  // writes a second, all gateways together
  Keys keys = Keys::none;
  std::size_t max_outstanding = 4096;  // at each gateway, and so many connections at most
  // Connections to each gateway that are always open and take turns; 0: as few as will do.
  std::size_t connections = 0;
  std::size_t uses = 0;  // answers after which a connection makes way for a new one; 0: no limit
  Duration timeout = std::chrono::seconds(30);
};

// Posts orders at a fixed rate whatever the answers do (open loop), to each gateway in turn, over
// connections that are kept, one write at a time on each. Loop's thread, but for the constructor.
class Generator {
 public:
  Generator(EventLoop& loop, Plan plan);
  ~Generator();

  // Begins to send; calls `ended` once stop() was called and the last outcome is known.
  void start(std::function<void()> ended);
  void stop();

  const std::vector<Write>& writes() const { return writes_; }
  const Plan& plan() const { return plan_; }

 private:
  class Client;
  using Clients = std::list<std::unique_ptr<Client>>;
  struct Gateway {
    Clients idle;  // the one used last in front
    Clients busy;
  };

  void send_due();
  void send(std::uint32_t gateway);
  void watch_time();
  void finish(Client& client, bool reusable);
  void end_when_done();

  EventLoop& loop_;
  const Plan plan_;
  std::vector<Gateway> gateways_;
  std::vector<Write> writes_;
  Clients gone_;  // destroyed by a later event
  std::int64_t began_ns_ = 0;
  std::size_t outstanding_ = 0;
  bool stopping_ = false;
  std::function<void()> ended_;
};

}  // namespace regent::load
