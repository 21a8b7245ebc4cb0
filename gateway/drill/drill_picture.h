#pragma once

#include <map>
#include <sstream>
#include <string>
#include <vector>

#include "gateway/drill/drill_record.h"

// Parts of a drill's page. Pure.
namespace regent {

// A picture of lanes over time, one below the other, as SVG. Across, everything is in percent of
// the length, so the picture fills whatever width it is given while its text keeps its size. Text
// is put into a bar only where it fits into a window of `kNarrow` pixels, or, with the class
// `wide`, of `kWide`.
class Picture {
 public:
  static constexpr double kNarrow = 330;
  static constexpr double kWide = 960;

  explicit Picture(double length);

  // Begins a lane of this height below its name.
  void lane(const std::string& name, double height);
  // From one instant to another, at the foot of the lane; `style`: a class of the page's style.
  // The title says in words what is shown.
  void bar(double from, double until, double height, const std::string& style,
           const std::string& title, const std::string& text = "");
  // A line through all lanes.
  void mark(double at) { marks_.push_back(at); }

  // `title` and `about` are read out instead of the picture.
  std::string finish(const std::string& title, const std::string& about);

 private:
  double percent(double at) const;
  void write_grid(std::ostringstream& out) const;

  const double length_;
  double top_ = 0;     // of the lane
  double height_ = 0;  // of the lane, below its name
  std::ostringstream bars_;
  std::ostringstream names_;  // above everything
  std::vector<double> marks_;
};

// Classes of the page's style that stand for regions: r0 to r6, in the order of their names.
std::map<std::string, std::string> region_styles(const DrillRecord& record);

// The drill's timeline: primaries and their leases, what was done, links, quorum, and writes.
std::string drill_timeline(const DrillRecord& record);

// One reign as the gateways of its region told of it.
struct ReignSpan {
  std::string region;
  std::uint64_t epoch = 0;
  double from = 0;   // first seen, or its first write
  double seen = 0;   // last seen
  double until = 0;  // when its lease ran out, or was given back
};
std::vector<ReignSpan> reigns(const DrillRecord& record);

// The sums of the quorum, each time they change for some gateway.
struct SumsRow {
  double at = 0;
  std::string seen_by;          // gateways, separated by commas
  const GatewaySample* sample;  // of the first of them; in the record
};
std::vector<SumsRow> sums_rows(const DrillRecord& record);

// "12.35": for numbers in SVG, and for people with a unit after it.
std::string fixed(double value, int digits = 2);

}  // namespace regent
