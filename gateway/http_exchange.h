#pragma once

#include <algorithm>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "gateway/exchange_client.h"
#include "gateway/http_body.h"
#include "gateway/http_head.h"
#include "gateway/http_trailers.h"
#include "gateway/placement.h"
#include "gateway/progress_budget.h"
#include "gateway/proxy_context.h"
#include "gateway/upstream.h"

namespace regent {

struct RequestFacts {
  std::uint32_t service = 0;
  std::string_view client_address;
  bool tls = false;
  bool from_gateway = false;
  bool http2 = false;  // the client's protocol
};

// One request on its way: finds its place, waits for one, sends it, sends it again where that is
// safe, and brings the answer back. Reused for all requests of a client connection.
//
// Invariants: a write of this region's backends leaves byte for byte through may_send(), which
// reads the route and the clock each time; it is counted in WritesInFlight from before the first
// look at the route until it is answered or has failed. Loop's thread.
class HttpExchange final : private UpstreamUser, private SendGate, private BackendWaiter {
 public:
  // What of a body is kept to be able to send the request again.
  static constexpr std::size_t kReplayBytes = 64 * 1024;
  // Above this a fast side waits for the slow one.
  static constexpr std::size_t kHighWaterBytes = 256 * 1024;
  // An answer of known length goes from socket to socket by splice(2) where more than this of it is
  // still to come and it comes in pieces of at least kBulkBytes, plain on both sides.
  static constexpr std::size_t kSpliceBytes = 256 * 1024;
  static constexpr std::size_t kBulkBytes = 16 * 1024;
  static constexpr unsigned kMaxAttempts = 3;
  static constexpr unsigned kMaxConnects = 4;

  HttpExchange(ProxyContext& context, ExchangeClient& client);
  ~HttpExchange() override;
  HttpExchange(const HttpExchange&) = delete;
  HttpExchange& operator=(const HttpExchange&) = delete;

  // Takes the request in. Nothing is sent before go(), so that the part of the body that is at hand
  // leaves together with the head.
  void begin(const RequestHead& head, const RequestFacts& facts);
  void go();
  // Decoded body data, in order, then the end. trailers: those that may be passed on; they go where
  // the body goes in chunks.
  void client_body(std::string_view data);
  void client_body_end(std::span<const HeaderField> trailers);
  // The client's connection is gone. Returns whether the exchange still has to wait for the answer
  // to a write that was sent; then `exchange_done` or `answer_broken` follows.
  bool client_gone();
  void client_drained();
  // The request cannot be completed: malformed or too large body. Answers if that is still
  // possible.
  void client_failed(const GatewayError& error);

  // Tries to place a held request; true when it is not held any more.
  bool retry(Instant now, bool route_changed);
  // Looks at the time limits.
  void tick(Instant now);
  bool active() const { return phase_ != Phase::idle; }
  // Ends what has not ended by itself when the gateway stops.
  void abandon() { cut("no_primary", "this gateway is stopping"); }

 private:
  enum class Phase : std::uint8_t { idle, begun, held, queued, sending, answering };

  // Placing and sending: http_exchange.cpp.
  void answer_as_last();
  void place_request();
  PlaceQuestion question() const;
  void go_local();
  void go_forward();
  void hold(std::string why);
  void wait_for_backend();
  void on_backend_room() override;
  void tick_queued(Instant now);
  void send_to(std::uint32_t destination, bool guarded);
  void pause_client();
  void backend_failed(std::uint32_t backend, bool connected, const Error& reason);
  bool send_head_and_body();
  void send_body(std::string_view wire);
  void fenced();
  void retry_or_fail(bool nothing_sent, const Error& reason);
  bool may_send(bool first) override;

  // Answering: http_answer.cpp.
  void on_upstream_data(Upstream& from, std::string_view data) override;
  void on_upstream_piped(Upstream& from, std::size_t bytes) override;
  void on_upstream_drained(Upstream& from) override;
  void on_upstream_fenced(Upstream& from) override;
  void on_upstream_closed(Upstream& from, bool orderly, const Error& reason) override;
  bool read_answer_head(std::string_view& data);
  void malformed_answer(std::string_view reason);
  bool accept_head(std::string_view head, std::string_view rest, bool& final);
  void begin_answer();
  void relay_answer_body(std::string_view data);
  void pause_fast_upstream();
  void pause_upstream();
  void splice_bulk(std::size_t read);
  void leave_pipe();
  void flush_answer();
  void finish_answer(bool nothing_left);
  void break_answer();
  void refused_by_gateway(std::string_view rest);

  bool switches_as_asked() const;
  void open_tunnel(std::string_view rest);

  double seconds_so_far() const;
  void fail(GatewayError error);
  void done(unsigned code);
  void cut(std::string_view error_if_unsent, std::string_view why);
  void release_upstream(bool reusable);
  void leave_write();
  void stop_waiting();
  bool client_too_slow(Instant now);
  void tick_answering(Instant now);
  void resume_body();
  bool is_write() const { return request_class_ == RequestClass::write; }
  const Service& service() const { return *service_; }
  void touch() { progress_ = std::max(progress_, context_.tick_now); }

  ProxyContext& context_;
  ExchangeClient& client_;
  Phase phase_ = Phase::idle;
  Instant progress_{};  // when the side that is waited for did something last

  // The request.
  RequestFacts facts_;
  std::shared_ptr<const Service> service_;  // its settings when the request began
  RequestClass request_class_ = RequestClass::write;
  bool is_head_ = false;
  bool is_last_ = false;  // goes no further, by its Max-Forwards; head_ is what is answered then
  bool expects_continue_ = false;
  bool repeatable_ = false;  // a read, or it carries an Idempotency-Key
  bool chunked_ = false;     // its body
  std::string upgrade_;      // protocols it offers to switch to
  std::string head_;         // all attempts' part, then this attempt's
  std::size_t head_base_ = 0;
  std::string body_;  // as sent on the wire, from the start, while replayable_
  bool replayable_ = true;
  bool body_done_ = false;
  bool body_paused_ = false;
  ProgressBudget body_budget_;  // of the client, while its body is waited for
  Instant started_{};

  // The attempt.
  std::unique_ptr<Upstream> upstream_;
  bool to_gateway_ = false;
  GatewayId gateway_ = kNoGateway;  // set while to_gateway_
  bool counted_ = false;            // in WritesInFlight
  Epoch epoch_;                     // told to the backend
  bool stale_ = false;
  Instant attempt_started_{};
  unsigned attempts_ = 0;     // in which something may have been sent
  bool maybe_taken_ = false;  // a write, by whom an attempt without an answer was sent to
  std::size_t next_gateway_ = 0;
  unsigned connects_ = 0;  // that failed

  // Waiting for a place.
  Instant hold_until_ = kNever;
  Instant retry_at_{};
  std::size_t held_bytes_ = 0;
  std::string held_why_;

  // Waiting for room at a backend.
  BackendPool::Turn turn_;

  // The answer.
  ResponseHead answer_;
  std::string answer_head_bytes_;  // of an incomplete head
  BodyReader answer_body_;
  TrailerReader answer_trailers_;
  std::unique_ptr<SplicePipe> pipe_;  // null while the body is copied
  bool upstream_paused_ = false;
  DrainBudget client_budget_;  // while paused
  bool client_gone_ = false;
  unsigned answer_code_ = 0;
};

}  // namespace regent
