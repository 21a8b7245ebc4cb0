#pragma once

#include <csignal>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "gateway/cli/admin_client.h"
#include "gateway/cli/drill_probe.h"
#include "gateway/cli/drill_screen.h"
#include "gateway/cli/drill_watch.h"
#include "gateway/drill/drill_plan.h"
#include "gateway/drill/drill_record.h"

namespace regent::cli {

// One live drill: announces it at every gateway, takes its steps, and undoes everything in the end,
// however it ends. What it breaks would end by itself, too. One thread beside the probes'.
class DrillRun {
 public:
  // What is not carried out because a rule forbids it, or something failed.
  struct Failure {
    int exit_code = 0;
    std::string message;
  };
  // The drill is bound. All but it must outlive this. `interrupted`: the operator wants it to end.
  DrillRun(const Topology& topology, Drill drill, AdminClient& client, const std::string& certs,
           const volatile std::sig_atomic_t& interrupted, DrillScreen& screen);

  // A failure: the drill did not begin. Otherwise the record, of an aborted one as well.
  std::optional<Failure> run();
  const DrillRecord& record() const { return record_; }
  // A safety rule of a gateway ended it.
  bool refused() const { return refused_; }

 private:
  std::optional<Failure> announce();
  std::optional<Failure> warm_up();
  // False: the drill is aborted, and record_.aborted says why.
  bool take_all_steps();
  bool take(const DrillStep& step);
  bool order_faults(const DrillStep& step);
  // Until every gateway answers and knows a primary, after a heal.
  bool await_back();
  bool switch_over(const DrillStep& step);
  // Until `done`, or `limit` is over, or the drill has to be aborted.
  bool wait_until(Duration limit, const std::function<bool()>& done);
  std::optional<std::string> reason_to_abort();
  bool is_primary(const DrillStep& step) const;
  bool knows_of_drill(const GatewaySample& sample) const;
  void undo();
  void settle();
  bool is_whole(const std::vector<GatewaySample>& samples, double from) const;
  std::optional<Failure> post_faults(GatewayId gateway, FaultOrder order, Duration length);
  void show_standing();
  void note(DrillEvent::Kind kind, const std::string& text);
  bool abort(const std::string& why);
  double now() const;
  Duration time_left() const;
  Address admin_address(GatewayId gateway) const;
  std::string name(GatewayId gateway) const;

  const Topology& topology_;
  AdminClient& client_;
  const volatile std::sig_atomic_t& interrupted_;
  DrillScreen& screen_;
  Instant shown_{};  // how things stand
  Instant zero_;
  DrillRecord record_;
  DrillPlan plan_;
  DrillProbes probes_;
  DrillWatch watch_;
  std::vector<GatewayId> announced_;
  double last_order_ = 0;
  std::vector<GatewaySample> before_;  // of each gateway, by GatewayId
  bool refused_ = false;
  std::optional<double> without_primary_since_;
};

// "lose-primary-20261126T101500Z-3fa2"
std::string drill_id(const std::string& name);
// What the ids of all runs of a drill begin with.
std::string drill_stem(const std::string& name);

}  // namespace regent::cli
