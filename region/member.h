#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "quorum/election.h"
#include "region/failback.h"
#include "region/links.h"
#include "region/pause.h"
#include "region/peer_message.h"
#include "region/tally.h"
#include "topology/topology.h"

namespace regent {

// What a gateway wants done after it was told something. Filled by Member, emptied by its shell.
struct Outbox {
  std::vector<std::pair<NodeId, PeerMessage>> to_nodes;
  std::vector<std::pair<GatewayId, PeerMessage>> to_gateways;
  std::vector<std::pair<std::uint64_t, PeerMessage>> replies;  // by connection
  std::vector<GatewayId> reconnect;                            // silent for too long: dial again
  std::vector<Links::Change> link_changes;
  std::vector<std::pair<std::uint64_t, SwitchoverReply>> switchovers;  // by token: finished
  bool handed_over = false;    // the epoch known so far was given back: the next one is planned
  bool changed = false;        // role, lease, draining or view: publish it before sending
  bool pause_changed = false;  // Member::pause(): keep it on disk, soon

  // Empty again, for the next time; keeps its memory.
  void clear();
};

// All that a member knows of the services.
struct BackendFacts {
  bool enough = false;  // each service has its min_backends
  std::uint32_t healthy = 0;
};
// From the number of healthy backends of each service; what is left out counts as none.
BackendFacts backend_facts(const Topology& topology, const std::vector<std::uint32_t>& healthy);

// One gateway as a member of the cluster: its election, its links, the tallies it makes for others,
// and switchover. Everything a gateway decides, without clock, socket or thread, so the same object
// runs in the process and in the simulator. One thread.
class Member {
 public:
  // `topology` must outlive this. `incarnation` and `seed` are random, of this life of the process.
  Member(const Topology& topology, GatewayId self, Incarnation incarnation, std::uint64_t seed,
         std::string version, Instant now);
  Member(const Member&) = delete;
  Member& operator=(const Member&) = delete;

  // Healthy backends of this region; none before the first call.
  void set_backends(const BackendFacts& facts) { backends_ = facts; }
  // What heartbeats say of this gateway's topology after a reload, which never changes what votes
  // are compared by.
  void show_topology(std::uint64_t version, std::string hash);

  // A message of one of this region's nodes, or of another gateway on a connection. Signatures and
  // identities have been checked; the content has not.
  void from_node(NodeId node, const PeerMessage& message, Instant now, Outbox& out);
  void from_gateway(GatewayId gateway, std::uint64_t connection, const PeerMessage& message,
                    Instant now, Outbox& out);

  // An operator's wish; finished under `token` in some Outbox::switchovers.
  void switchover(RegionId to, Duration timeout, std::uint64_t token, Instant now, Outbox& out);

  // The end of this gateway's life: from now on it does not stand, and says so. When it holds the
  // lease, it hands over: to a sibling that serves, by giving back its own promises only, else to
  // the first region that can take over, else (or while failover is paused) to nobody. Nothing is
  // given back while a write is in flight. Finished under `token`, at the latest after `limit`.
  // Not again.
  void leave(Duration limit, std::uint64_t token, Instant now, Outbox& out);

  // Pausing automatic failover: the switch spreads to all gateways by heartbeats.
  // What this gateway had kept on disk; before anything else.
  void restore_pause(const PauseRecord& kept);
  // An operator's wish: a version higher than any heard of, which therefore counts everywhere.
  void set_paused(bool paused, Instant now, Outbox& out);
  // The same with the version given, PauseRecord::ordered() at some earlier moment, so that it
  // could be kept on disk first. False: a newer one was heard meanwhile; nothing has changed.
  bool adopt_pause(const Pause& pause, Instant now, Outbox& out);
  bool paused() const { return pause_.pause.paused; }
  const PauseRecord& pause() const { return pause_; }

  // To be called after every batch of the calls above and at next_deadline(). Before each call the
  // shell publishes what has changed, and only then counts the writes.
  // writes_in_flight: writes on their way to backends of this region.
  void tick(Instant now, std::int64_t writes_in_flight, Outbox& out);
  Instant next_deadline(Instant now) const;

  const Election& election() const { return election_; }
  const Links& links() const { return links_; }
  RegionId region() const { return region_; }
  // This gateway holds the lease but takes no new writes: it is handing over.
  bool draining() const { return handover_ && handover_->stage == Handover::Stage::draining; }
  bool leaving() const { return leaving_.has_value(); }
  bool eligible(Instant now) const;
  // Whether another gateway's region could take over through it now, as its last heartbeat says.
  bool heard_eligible(GatewayId gateway, Instant now) const;
  // Whether the gateway runs our whole topology, services included; true before its first word.
  // Whether its votes count is said by links().quorum_match().
  bool topology_match(GatewayId gateway) const;
  // Whether the node's last answer came under our topology; true before the first.
  bool node_matches(NodeId node) const { return node_matches_.at(node.value); }

 private:
  // Who waits for the end of a switchover: an operator here, or a gateway that passed it on.
  struct Remote {
    std::uint64_t connection;
    std::uint64_t id;
  };
  using Asker = std::variant<std::uint64_t, Remote>;

  struct Handover {
    enum class Stage { draining, releasing, waiting };
    Stage stage = Stage::draining;
    RegionId to;  // kNoRegion: nobody; this gateway steps aside, the epoch stays with its region
    Epoch epoch;
    Instant started;
    Instant deadline;
    std::vector<GatewayId> siblings;         // that have yet to drain
    std::optional<Asker> asker;              // nobody: failback
    std::optional<std::uint64_t> initiator;  // connection; set when we are the sibling
    bool announced = false;  // a tick has passed, so that `draining` reached the data plane
  };

  void apply(Election::Output output, Instant now, Outbox& out);
  void put(const Question& question, Outbox& out);
  void count(const TallyMessage& message, Instant now, Outbox& out);
  void on_round(GatewayId gateway, std::uint64_t connection, const RoundMessage& message,
                Instant now, Outbox& out);
  void on_heartbeat(GatewayId gateway, const Heartbeat& heartbeat, Instant now, Outbox& out);
  void send_heartbeats(Instant now, Outbox& out);
  void watch_links(Instant now, Outbox& out);
  bool own_nodes_quorate(Instant now) const;
  bool fit(RegionId region, Instant now) const;
  unsigned rank(Instant now) const;
  bool better_may_be_starting(Instant now) const;
  bool leads_siblings(Instant now) const;
  void consider_failback(Instant now, Outbox& out);

  struct Leaving {
    Instant started;
    Instant deadline;
    std::optional<std::uint64_t> token;  // none: it has been told
    bool tried_others = false;           // a switchover was begun
  };
  void advance_leaving(Instant now, Outbox& out);
  void finish_leaving(SwitchoverOutcome outcome, std::string message, Instant now, Outbox& out);
  bool sibling_can_go_on(bool serving, Instant now) const;
  std::optional<RegionId> best_successor(Instant now) const;

  void hear_pause(const Heartbeat& heartbeat, Instant now, Outbox& out);
  void saw_reign(const Reign& reign, Instant now, Outbox& out);
  void watch_reign(Instant now, Outbox& out);
  void update_standing(Instant now);
  bool held_back() const;
  bool knows_pause();

  void begin_handover(RegionId to, Duration timeout, std::optional<Asker> asker, Instant now,
                      Outbox& out);
  std::optional<SwitchoverReply> refusal(RegionId to, Instant now) const;
  void on_drain_request(GatewayId gateway, std::uint64_t connection, const DrainRequest& request,
                        Instant now, Outbox& out);
  void advance_handover(Instant now, std::int64_t writes_in_flight, Outbox& out);
  void tell_successor(Instant now, Outbox& out);
  void released(const Election::Output::HandOver& hand_over, Instant now, Outbox& out);
  void finish_handover(SwitchoverOutcome outcome, std::string message, Instant now, Outbox& out);
  void answer(const Asker& asker, SwitchoverReply reply, Outbox& out) const;
  std::optional<GatewayId> serving_gateway(Instant now) const;

  const Topology& topology_;
  GatewayId self_;
  RegionId region_;
  std::string version_;
  Incarnation incarnation_;
  Election election_;
  Links links_;
  Tallies tallies_;
  AutomaticFailback failback_;
  PauseRecord pause_;
  bool knows_pause_ = false;
  QuorumTree own_tree_;
  mutable Ballot own_nodes_;              // which of them are reachable: added up again and again
  std::vector<RegionId> better_regions_;  // that stand before this one
  std::vector<bool> node_matches_;
  std::uint64_t shown_version_;
  std::string shown_hash_;
  BackendFacts backends_;
  Instant started_;
  Instant next_heartbeat_;
  std::vector<Instant> next_reconnect_;  // by gateway
  Instant look_for_silence_;             // when to see who should be dialled again
  std::vector<Answer> counted_;          // space for count()
  struct Told {
    bool serving = false;
    bool long_lease = false;  // more than the short one of the election is left
    Epoch epoch;
    RegionId primary = kNoRegion;
    bool leaving = false;
    Pause pause;
    bool operator==(const Told&) const = default;
  } told_;  // what the last heartbeats said
  std::optional<Handover> handover_;
  std::optional<Leaving> leaving_;
  std::map<std::uint64_t, Instant> passed_on_;  // switchover tokens at another gateway: deadline
};

}  // namespace regent
