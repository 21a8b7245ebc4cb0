#pragma once

#include <atomic>
#include <condition_variable>
#include <functional>
#include <future>
#include <map>
#include <memory>
#include <mutex>
#include <optional>

#include "gateway/drill/gateway_faults.h"
#include "gateway/metrics.h"
#include "gateway/picture.h"
#include "gateway/route.h"
#include "gateway/route_cache.h"
#include "gateway/status.h"
#include "region/control_loop.h"
#include "region/member.h"

namespace regent {

// Where the control thread's decisions go. Called on the control thread.
struct ControlOutputs {
  std::function<void(NodeId, const PeerMessage&)> to_node;
  std::function<void(GatewayId, const PeerMessage&)> to_gateway;
  std::function<void(std::uint64_t connection, const PeerMessage&)> reply;
  std::function<void(GatewayId)> reconnect;
  std::function<void()> route_changed;
  std::function<void(Instant)> cut_redis;                        // for a drill; empty: no Redis
  std::function<void(RouteRecord)> mirror;                       // empty: no Redis
  std::function<std::vector<ServiceStatus>()> backends;          // any thread
  std::function<std::optional<RouteCacheState>()> mirror_state;  // any thread
  // The pause switch, to the gateway's disk; both empty: it has none.
  std::function<Status(const PauseRecord&)> keep_pause;  // any thread; blocks
  std::function<void(const PauseRecord&)> keep_pause_later;
};

// The gateway's one control thread: owns the Member, publishes the route before anything that
// depends on it is sent, and answers the admin API. run() is that thread; the rest may be called
// from any thread.
class Control final : public ControlPort {
 public:
  Control(std::shared_ptr<const Topology> topology, GatewayId self, Incarnation incarnation,
          std::uint64_t seed, RouteCell& route, const WritesInFlight& writes, Metrics& metrics,
          FaultSettings faults = {});

  // Before run(); not again.
  void connect(ControlOutputs outputs);
  void restore_pause(const PauseRecord& kept);

  void from_node(NodeId node, PeerMessage message);
  void from_gateway(GatewayId gateway, std::uint64_t connection, PeerMessage message);
  // The health of some backend changed: look at all of them again (ControlOutputs::backends).
  void backends_changed();
  // Takes the services of a topology whose quorum part is the same. False: the control thread takes
  // no more tasks.
  [[nodiscard]] bool adopt(std::shared_ptr<const Topology> topology);

  void run();
  void stop();
  // Hands over what this gateway holds, and stands no more: Member::leave(). Blocks, at most little
  // longer than `limit`. Once.
  SwitchoverReply leave(Duration limit);
  // Ends the waiting of operators whose switchover is under way; the switchover itself goes on.
  void abandon_switchovers();

  std::shared_ptr<const GatewayStatus> status() const override;
  SwitchoverReply switchover(const std::string& to, Duration timeout) override;
  Result<PauseOrder> set_paused(bool paused) override;
  FaultReply order_faults(const FaultOrder& order) override;
  FaultReply end_faults(const std::string& client) override;
  // What the network has to drop; any thread.
  const LinkFaults& link_faults() const { return faults_.links(); }

 private:
  Instant settle();
  void answer_all_waiting();
  void publish(Instant now);
  void mirror(Instant now);
  void send(Outbox& outbox);
  void report_links(const Outbox& outbox);
  void report_topologies();
  // How near another gateway's topology is to ours.
  enum class Likeness : std::uint8_t { same, other_services, foreign };
  Likeness likeness_of(GatewayId gateway) const;
  void log_topology(const std::string& peer, Likeness likeness, const std::string& theirs) const;
  void report_election(const Outbox& outbox, Instant now);
  void report_pause(const Outbox& outbox);
  using Wish = std::function<void(std::uint64_t token)>;
  SwitchoverReply on_member(Duration timeout, Wish wish);
  void take_backends();
  // Runs the task there and returns its result; nothing when it does not come to it.
  template <typename T>
  std::optional<T> on_control_thread(std::function<T()> task);
  void renew_status(Instant now);
  static FaultReply busy_with_faults();
  void mark_drill(PeerMessage& message) const;
  void tell_of_drill(Instant now);
  GatewayStatus picture(Instant now) const;

  const std::shared_ptr<const Topology> first_;
  const Topology& topology_;  // *first_: for all but services and traffic
  const GatewayId self_;
  RouteCell& route_;
  const WritesInFlight& writes_;
  Metrics& metrics_;
  ControlOutputs outputs_;
  mutable ControlLoop loop_;

  // The control thread's own.
  std::shared_ptr<const Topology> current_;  // after reloads; what has an id has the same in both
  const Instant started_;
  Member member_;
  Outbox outbox_;
  Route published_;
  RouteRecord mirrored_;
  Role logged_role_ = Role::isolated;
  Epoch logged_epoch_;
  RegionId logged_primary_ = kNoRegion;
  std::map<std::uint64_t, std::promise<SwitchoverReply>> waiting_;
  std::uint64_t next_token_ = 1;
  std::vector<Likeness> gateway_likeness_;  // what the log says of each process's topology
  std::vector<bool> node_matches_;
  Election::Role last_role_ = Election::Role::follower;
  bool lapsed_ = false;  // the candidacy is that of a holder whose lease ran out
  bool last_quorum_ = false;
  RegionId last_primary_ = kNoRegion;       // the last one known
  bool planned_ = false;                    // it handed over
  std::optional<Instant> without_primary_;  // since when none is known
  Pause logged_pause_;
  GatewayFaults faults_;

  mutable std::mutex status_mutex_;
  mutable std::condition_variable status_renewed_;
  std::shared_ptr<const GatewayStatus> status_;
};

}  // namespace regent
