#pragma once

#include <memory>
#include <optional>

#include "quorum/random.h"
#include "region/channel.h"
#include "region/peer_policy.h"
#include "region/proofs.h"
#include "region/resolver.h"
#include "security/credentials.h"

namespace regent {

// Keeps one connection to one process: dials, checks who answers, redials when it is lost.
//
// A lost or refused connection is dialled again after 100 ms, then after twice that and so on up to
// a second, each with a jitter of a fifth; one that was good starts again from 100 ms. An attempt
// that nobody answers is given up after 0.8 s, every fourth after 2 s (for paths with a very long
// way), and the next follows at once, so that a healed path is found within about a second.
// Everything on the loop's thread.
class Dialled : private Channel::Handler {
 public:
  struct Owner {
    virtual ~Owner() = default;
    virtual void on_dialled_open(Dialled& dialled) = 0;
    virtual void on_dialled_frame(Dialled& dialled, std::span<const std::byte> body) = 0;
    virtual void on_dialled_closed(Dialled& dialled, const Error& reason) = 0;
  };
  struct Context {
    EventLoop& loop;
    Resolver& resolver;
    const PeerPolicy& policy;
    Credentials& credentials;
    std::optional<Poco::Net::SocketAddress> source;  // dial from here, where the family is the same
    Duration unacknowledged_limit;                   // of sent bytes, before the connection is lost
  };

  // `context` and what it refers to, and `owner`, must outlive this object.
  Dialled(const Context& context, Endpoint target, std::uint64_t seed, Owner& owner);
  ~Dialled() override;

  void start();
  bool send(std::string_view body);  // false: not connected, or the peer does not read
  // Drops an open connection that is older than a second and dials anew.
  void reconnect();
  // Closes; a new attempt follows after the usual pause.
  void drop(Error reason);

  const Endpoint& target() const { return target_; }
  std::string address() const { return address_; }
  bool open() const { return channel_ && channel_->open(); }
  Proofs::Carried& carried() { return carried_; }

 private:
  void on_open() override;
  void on_frame(std::span<const std::byte> body) override;
  void on_closed(const Error& reason) override;

  void dial();
  void connect(const Poco::Net::SocketAddress& to);
  void attempt_timed_out();
  void retry_after(Duration pause);
  Duration next_pause();

  const Context& context_;
  const Endpoint target_;
  Owner& owner_;
  Random random_;
  std::string address_;
  std::unique_ptr<Channel> channel_;
  Proofs::Carried carried_;
  EventLoop::TimerId timer_ = 0;  // retry, or the attempt's limit
  Instant opened_ = Instant::min();
  bool was_open_ = false;
  bool heard_ = false;
  std::uint32_t failures_ = 0;
  std::uint32_t attempts_ = 0;
  std::shared_ptr<bool> alive_ = std::make_shared<bool>(true);
};

}  // namespace regent
