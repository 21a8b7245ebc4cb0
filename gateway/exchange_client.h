#pragma once

#include <cstddef>
#include <span>
#include <string_view>

#include "gateway/http_head.h"
#include "gateway/http_rewrite.h"
#include "gateway/tunnel.h"

namespace regent {

// Where an exchange's answer goes: the client's side of one request, whatever its protocol. The
// exchange says what the answer is; how that looks on the wire is the client's matter.
//
// Calls for one answer: interim() any number of times, then either answer_error() alone, or
// answer_head(), answer_data() any number of times and answer_end(); or tunnel_opened() alone.
// flush_answer() follows what one event brought, so that its parts can leave together;
// exchange_done() or answer_broken() is the last call. Views are good during the call only. Loop's
// thread.
class ExchangeClient {
 public:
  virtual ~ExchangeClient() = default;

  // 103 and the like, or 100 where the request expects it; end-to-end headers to be passed on as
  // they are. A client whose protocol has none of these ignores it.
  virtual void interim(const ResponseHead& head) = 0;
  // The final answer begins. head: as it came, with what has to be dropped (forwarded_to_client()).
  virtual void answer_head(const ResponseHead& head, const AnswerMeta& meta) = 0;
  // 101, and the last call: the client's connection goes on as a tunnel to where the request went.
  // Only where the request asked for an upgrade, which a client of another protocol than HTTP/1.1
  // never does.
  virtual void tunnel_opened(const ResponseHead& head, const AnswerMeta& meta,
                             Tunnel::Far far) = 0;
  // A piece of the body, without framing; never empty.
  virtual void answer_data(std::string_view data) = 0;
  // Whether answer_piped() can bring pieces of this body as well; asked once its head is out.
  virtual bool can_splice() const { return false; }
  // What is in the pipe goes to the client, which counts it in queued_bytes(). Until that is 0
  // nothing follows, and the pipe stays.
  virtual void answer_piped(SplicePipe&) {}
  // The answer is complete. trailers: those that may be passed on.
  virtual void answer_end(std::span<const HeaderField> trailers) = 0;
  // The whole answer, of the gateway itself.
  virtual void answer_error(const GatewayError& error) = 0;
  virtual void flush_answer() = 0;

  // Bytes of the answer that the client has not taken yet.
  virtual std::size_t queued_bytes() const = 0;
  // Some of the answer waits for the client, and so much waits in all that its source should, too;
  // client_drained() says when it may go on.
  virtual bool backlogged() const = 0;
  // Stops and restarts client_body(). What is at hand already may still come.
  virtual void pause_body() = 0;
  virtual void resume_body() = 0;

  // The exchange is over, and may be started again inside this call.
  virtual void exchange_done() = 0;
  // The answer has begun and cannot be completed: the client has to see that it was cut. The
  // exchange is over.
  virtual void answer_broken() = 0;
};

}  // namespace regent
