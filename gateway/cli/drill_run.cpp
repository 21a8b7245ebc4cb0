#include "gateway/cli/drill_run.h"

#include <Poco/JSON/Array.h>

#include <algorithm>
#include <cstdio>
#include <ctime>
#include <random>
#include <thread>

#include "gateway/cli/cli.h"
#include "gateway/duration_text.h"
#include "gateway/json.h"
#include "region/clock.h"

namespace regent::cli {
namespace {

using std::chrono::milliseconds;
using Kind = DrillStep::Kind;

constexpr Duration kLook = milliseconds(20);
constexpr Duration kShow = milliseconds(200);  // between two looks of a terminal
// How long the probes may take to be answered before anything is broken, and the cluster to be
// whole again afterwards.
constexpr Duration kWarmUp = std::chrono::seconds(10);
constexpr Duration kSettle = std::chrono::seconds(20);
// A process that was stopped has started again and found the others.
constexpr Duration kComeBack = std::chrono::seconds(20);
// Announced for a little longer than the drill may last, so that its last steps still count.
constexpr Duration kGrace = std::chrono::seconds(2);
constexpr Duration kPostLimit = std::chrono::seconds(5);
constexpr Duration kSwitchover = std::chrono::seconds(30);

std::string utc(const char* format) {
  const std::time_t now = std::time(nullptr);
  std::tm parts{};
  gmtime_r(&now, &parts);
  char text[40];
  std::strftime(text, sizeof text, format, &parts);
  return text;
}

std::string order_json(const FaultOrder& order, Duration length) {
  auto object = ordered_object();
  object->set("drill", order.drill);
  object->set("for", duration_text(length));
  if (order.continues) object->set("continues", true);
  if (order.min_margin) object->set("min_margin", *order.min_margin);
  const DrillAborts& abort = order.abort;
  if (abort.no_primary_for) object->set("no_primary_for", duration_text(*abort.no_primary_for));
  if (abort.failed_writes) object->set("failed_writes", *abort.failed_writes);
  if (!order.drop_to.empty()) object->set("drop_to", strings_json(order.drop_to));
  if (!order.drop_from.empty()) object->set("drop_from", strings_json(order.drop_from));
  if (!order.drop_nodes.empty()) object->set("drop_nodes", strings_json(order.drop_nodes));
  if (order.drop_redis) object->set("drop_redis", true);
  if (!order.stop.empty()) object->set("stop", strings_json(order.stop));
  if (!order.pause.empty()) object->set("pause", strings_json(order.pause));
  if (!order.delay_to.empty()) {
    object->set("delay_to", strings_json(order.delay_to));
    object->set("delay", duration_text(order.delay));
  }
  return json_text(*object);
}

DrillRecord begin_record(const Topology& topology, Drill drill) {
  DrillRecord record;
  record.id = drill_id(drill.name);
  record.cluster = topology.cluster;
  record.started = utc("%Y-%m-%d %H:%M:%S UTC");
  record.drill = std::move(drill);
  record.lease = topology.timing.lease;
  return record;
}

std::string message_of(const AdminAnswer& answer) {
  const std::string rule = answer.body->optValue<std::string>("rule", "");
  return answered_by(answer) + " answered " + std::to_string(answer.code) + ": " +
         answer.body->optValue<std::string>("message", "without a message") + " (" +
         (rule.empty() ? answer.body->optValue<std::string>("error", "") : "rule " + rule) + ")";
}

// What another gateway told it, and what an operator did, say already who ended it and where.
std::string ended_text(const GatewaySample& sample) {
  if (sample.faults_end.find(" ended it") != std::string::npos) return sample.faults_end;
  return sample.region + "." + sample.gateway + " ended it: " + sample.faults_end;
}

// Of those that were not acknowledged, with what leads to it.
std::string last_answer_text(const std::vector<ProbeAnswer>& answers) {
  const auto last = std::ranges::find_if_not(answers.rbegin(), answers.rend(),
                                             &ProbeAnswer::acknowledged);
  if (last == answers.rend()) return "";
  const std::string through = last->region + "." + last->gateway;
  return last->code == 0 ? "; no answer through " + through
                         : "; " + std::to_string(last->code) + " through " + through;
}

}  // namespace

std::string drill_stem(const std::string& name) {
  return name.substr(0, 40) + "-";
}

std::string drill_id(const std::string& name) {
  // Two operators may begin in the same second, and must not be taken for one.
  char suffix[8];
  std::snprintf(suffix, sizeof suffix, "%04x", std::random_device()() & 0xffffU);
  return drill_stem(name) + utc("%Y%m%dT%H%M%SZ") + "-" + suffix;
}

DrillRun::DrillRun(const Topology& topology, Drill drill, AdminClient& client,
                   const std::string& certs, const volatile std::sig_atomic_t& interrupted,
                   DrillScreen& screen)
    : topology_(topology),
      client_(client),
      interrupted_(interrupted),
      screen_(screen),
      zero_(boot_now()),
      record_(begin_record(topology, std::move(drill))),
      plan_(topology),
      probes_(topology, record_.drill.probe, record_.id, zero_),
      watch_(topology, certs, record_.id, zero_) {}

std::optional<DrillRun::Failure> DrillRun::run() {
  if (auto failure = announce()) {
    undo();
    return failure;
  }
  probes_.start();
  watch_.start();
  if (auto failure = warm_up()) {
    undo();
    return failure;
  }
  if (take_all_steps()) note(DrillEvent::Kind::note, "every step is taken");
  undo();
  settle();
  record_.length = now();
  end_isolations(record_, now());
  probes_.stop();
  watch_.stop();
  record_.probes = probes_.answers();
  record_.samples = watch_.samples();
  return std::nullopt;
}

std::optional<DrillRun::Failure> DrillRun::announce() {
  for (std::uint16_t i = 0; i < topology_.gateways.size(); ++i) {
    const Duration length = std::min<Duration>(record_.drill.max_length + kGrace, kLongestFaults);
    if (auto failure = post_faults(GatewayId{i}, {}, length)) return failure;
    announced_.push_back(GatewayId{i});
  }
  note(DrillEvent::Kind::note, "drill " + record_.id + " is announced at every gateway");
  return std::nullopt;
}

std::optional<DrillRun::Failure> DrillRun::warm_up() {
  const Instant end = boot_now() + kWarmUp;
  while (boot_now() < end && interrupted_ == 0) {
    const auto answers = probes_.answers();
    const auto samples = watch_.last();
    const bool written = std::ranges::all_of(topology_.gateways, [&](const auto& gateway) {
      return std::ranges::any_of(answers, [&](const ProbeAnswer& answer) {
        return answer.acknowledged() && answer.gateway == gateway.name &&
               answer.region == topology_.region_name(gateway.region);
      });
    });
    if (written && std::ranges::all_of(samples, &GatewaySample::answered)) {
      before_ = samples;
      return std::nullopt;
    }
    std::this_thread::sleep_for(kLook);
  }
  if (interrupted_ != 0) return Failure{kError, "interrupted before anything was broken"};
  return Failure{kError, "the probe's writes are not acknowledged through every gateway (POST " +
                             record_.drill.probe.path + last_answer_text(probes_.answers()) +
                             "); nothing was broken"};
}

bool DrillRun::take_all_steps() {
  return std::ranges::all_of(record_.drill.steps,
                             [this](const DrillStep& step) { return take(step); });
}

bool DrillRun::take(const DrillStep& step) {
  if (const auto why = reason_to_abort()) return abort(*why);
  note(DrillEvent::Kind::step, step_text(step));
  switch (step.kind) {
    case Kind::wait:
      return wait_until(step.span, [] { return false; });
    case Kind::await_primary: {
      bool came = false;
      const bool going_on = wait_until(step.span, [&] { return came = is_primary(step); });
      record_.awaited.emplace_back(step_text(step), came);
      return going_on && (came || abort(step_text(step) + ": it did not come"));
    }
    case Kind::switchover:
      return switch_over(step);
    default:
      return order_faults(step);
  }
}

bool DrillRun::order_faults(const DrillStep& step) {
  // Those come back without knowing of the drill; a later step may tell them again.
  for (const GatewayId gateway : plan_.stopped_by(step)) std::erase(announced_, gateway);
  const double begin = now();
  const bool all_ran = !plan_.any_down();
  for (const GatewayId gateway : plan_.take(step)) {
    FaultOrder order = plan_.order(gateway);
    // So that whoever has ended it a moment ago has not done so in vain.
    order.continues = std::ranges::count(announced_, gateway) > 0;
    if (auto failure = post_faults(gateway, std::move(order), time_left() + kGrace)) {
      refused_ = failure->exit_code == kRefused;
      return abort(failure->message);
    }
    if (std::ranges::count(announced_, gateway) == 0) announced_.push_back(gateway);
  }
  last_order_ = now();
  if (step.kind != Kind::heal) {
    begin_action(record_, step, begin, now());
    return true;
  }
  end_actions(record_, now());
  if (!all_ran && !await_back()) return false;
  end_isolations(record_, now());
  return true;
}

bool DrillRun::await_back() {
  const double from = now();
  bool back = false;
  const bool going_on = wait_until(kComeBack, [&] {
    return back = std::ranges::all_of(watch_.last(), [from](const GatewaySample& sample) {
             return sample.answered && sample.at > from && !sample.primary.empty();
           });
  });
  return going_on && (back || abort("not every gateway that did not run came back within 20 s"));
}

bool DrillRun::switch_over(const DrillStep& step) {
  const auto status = client_.get("/v1/status", shows_primary);
  if (!status.ok()) return abort(status.error().message);
  const double begun = now();
  auto order = ordered_object();
  order->set("to", step.region);
  order->set("timeout", duration_text(kSwitchover));
  const auto answer =
      client_.post(status->address, "/v1/switchover", json_text(*order), kSwitchover + kPostLimit);
  if (!answer.ok()) return abort("switchover: " + answer.error().message);
  if (answer->code != 200) return abort("switchover: " + message_of(*answer));
  record_.actions.push_back({step_text(step), begun, now()});
  return true;
}

bool DrillRun::wait_until(Duration limit, const std::function<bool()>& done) {
  const Instant end = boot_now() + limit;
  while (boot_now() < end) {
    if (done()) return true;
    if (const auto why = reason_to_abort()) return abort(*why);
    show_standing();
    std::this_thread::sleep_for(kLook);
  }
  return true;
}

std::optional<std::string> DrillRun::reason_to_abort() {
  if (interrupted_ != 0) return "the operator ended it";
  if (time_left() <= Duration::zero()) return kTakesTooLong;
  const auto samples = watch_.last();
  for (const GatewaySample& sample : samples) {
    // What a gateway was asked before it was ordered says nothing yet.
    if (sample.answered && !sample.faults && sample.asked > last_order_ &&
        knows_of_drill(sample)) {
      return ended_text(sample);
    }
  }
  const DrillAborts& aborts = record_.drill.abort;
  if (aborts.failed_writes) {
    const std::uint64_t failed = failed_writes(probes_.answers(), record_.isolations);
    if (failed > *aborts.failed_writes) {
      return failed_text(failed, *aborts.failed_writes) + ", as regent drill run counts them";
    }
  }
  const bool known = std::ranges::any_of(
      samples, [](const GatewaySample& sample) { return sample.answered && sample.serving; });
  if (known) {
    without_primary_since_.reset();
  } else if (!without_primary_since_) {
    without_primary_since_ = now();
  }
  if (aborts.no_primary_for && without_primary_since_ &&
      now() - *without_primary_since_ >
          std::chrono::duration<double>(*aborts.no_primary_for).count()) {
    return "there was no primary for " + duration_text(*aborts.no_primary_for) +
           ", as regent drill run saw it";
  }
  return std::nullopt;
}

// By a gateway of that region itself, which only says so while it holds a live lease.
bool DrillRun::is_primary(const DrillStep& step) const {
  return std::ranges::any_of(watch_.last(), [&](const GatewaySample& sample) {
    return sample.answered && sample.serving && (sample.region == step.region) != step.negated;
  });
}

void DrillRun::undo() {
  // The others have to let those go on that stand still.
  std::ranges::stable_partition(announced_, [this](GatewayId id) { return !plan_.is_down(id); });
  for (const GatewayId gateway : announced_) {
    const auto answer = client_.remove(admin_address(gateway), "/v1/faults", kPostLimit);
    if (!answer.ok()) {
      note(DrillEvent::Kind::trouble, name(gateway) +
                                          " was not told of the end: " + answer.error().message +
                                          "; its faults end by themselves");
    }
  }
  end_actions(record_, now());
  if (!plan_.any_down()) end_isolations(record_, now());
  if (!announced_.empty()) note(DrillEvent::Kind::note, "everything is undone");
  announced_.clear();
}

// As it was before anything was broken, so that the next drill could begin.
bool DrillRun::is_whole(const std::vector<GatewaySample>& samples, double from) const {
  for (std::size_t i = 0; i < samples.size(); ++i) {
    const GatewaySample& sample = samples[i];
    const bool linked = std::ranges::all_of(sample.links, [](const auto& link) {
      return link.second == "up" || link.second == "slow";
    });
    if (!sample.answered || sample.at <= from || sample.primary.empty() || !linked ||
        sample.primary != samples.front().primary || sample.lost_nodes > 0 ||
        sample.hears_of_drill || sample.ready < before_[i].ready) {
      return false;
    }
  }
  return true;
}

void DrillRun::settle() {
  const Instant end = boot_now() + kSettle;
  const double from = now();
  while (boot_now() < end) {
    const auto samples = watch_.last();
    if (is_whole(samples, from)) {
      return note(DrillEvent::Kind::note,
                  "the cluster is whole, with " + samples.front().primary + " as primary");
    }
    show_standing();
    std::this_thread::sleep_for(kLook);
  }
  abort("the cluster was not whole again within 20 s after everything was undone");
}

std::optional<DrillRun::Failure> DrillRun::post_faults(GatewayId gateway, FaultOrder order,
                                                       Duration length) {
  order.drill = record_.id;
  order.min_margin = record_.drill.min_margin;
  order.abort = record_.drill.abort;
  const auto answer =
      client_.post(admin_address(gateway), "/v1/faults", order_json(order, length), kPostLimit);
  if (!answer.ok()) return Failure{kError, name(gateway) + ": " + answer.error().message};
  if (answer->code == 200) return std::nullopt;
  if (answer->body->optValue<std::string>("rule", "") == "ended") {
    return Failure{kError, answer->body->optValue<std::string>("message", "")};
  }
  const bool by_rule = answer->code == 412 || answer->code == 403 || answer->code == 401;
  return Failure{by_rule ? kRefused : kError, message_of(*answer)};
}

void DrillRun::show_standing() {
  if (!screen_.live() || boot_now() - shown_ < kShow) return;
  shown_ = boot_now();
  screen_.show(now(), standing_text(watch_.last(), probes_.answers()));
}

void DrillRun::note(DrillEvent::Kind kind, const std::string& text) {
  record_.events.push_back({now(), kind, text});
  screen_.say(now(), text);
}

bool DrillRun::abort(const std::string& why) {
  if (record_.aborted.empty()) record_.aborted = why;
  note(DrillEvent::Kind::trouble, "aborted: " + why);
  return false;
}

// A gateway that was stopped has forgotten it.
bool DrillRun::knows_of_drill(const GatewaySample& sample) const {
  return std::ranges::any_of(announced_, [&](GatewayId gateway) {
    return name(gateway) == sample.region + "." + sample.gateway;
  });
}

double DrillRun::now() const {
  return std::chrono::duration<double>(boot_now() - zero_).count();
}

Duration DrillRun::time_left() const {
  return record_.drill.max_length - (boot_now() - zero_);
}

Address DrillRun::admin_address(GatewayId gateway) const {
  const TopologyGateway& found = topology_.gateway(gateway);
  return {found.host, found.admin_port};
}

std::string DrillRun::name(GatewayId gateway) const {
  const TopologyGateway& found = topology_.gateway(gateway);
  return topology_.region_name(found.region) + "." + found.name;
}

}  // namespace regent::cli
