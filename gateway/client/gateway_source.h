#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "gateway/client/backoff.h"
#include "gateway/client/gateway_question.h"
#include "gateway/client/route_keeper.h"

namespace regent::client {

// The gateways, asked one after the other for as long as Redis is of no help. The one that helped
// last is asked first the next time; after a round without help there is a pause.
//
// Owned by the loop, like RedisSource.
class GatewaySource {
 public:
  // `timeout`: of one question, with connecting and handshake.
  GatewaySource(std::vector<Endpoint> gateways, std::string cluster, std::string ca_file,
                Duration timeout, RouteKeeper& keeper, Random& random);

  // `needed`: a route is wanted from here. Returns the instant of the next call.
  Instant tick(bool needed, Instant now);
  void add_wants(std::vector<pollfd>& wanted) const;
  void move(const pollfd& happened, Instant now);

  struct Gateway {
    Endpoint address;
    std::string problem;  // why the last question to it was of no use; "": it was, or was not asked
  };
  const std::vector<Gateway>& gateways() const { return gateways_; }

 private:
  void begin(Instant now);
  std::string judge(const GatewayAnswer& answer, Instant now);
  void finish(std::string problem, Instant now);

  const std::string cluster_;
  const std::string ca_file_;
  const Duration timeout_;
  RouteKeeper& keeper_;
  Random& random_;
  std::vector<Gateway> gateways_;
  std::size_t turn_ = 0;
  std::size_t failed_ = 0;  // in a row
  std::unique_ptr<GatewayQuestion> question_;
  Instant began_;
  Instant next_ = Instant::min();
  Backoff backoff_;
};

}  // namespace regent::client
