#include "gateway/drill/drill_picture.h"

#include <algorithm>
#include <cmath>
#include <cstdio>

#include "gateway/drill/drill_report.h"

namespace regent {
namespace {

constexpr double kName = 17;   // height of a lane's name
constexpr double kSpace = 9;   // between two lanes
constexpr double kAxis = 26;   // below the lanes
constexpr double kGlyph = 7.4;  // wider than a letter is, in pixels
constexpr double kPadding = 10;
constexpr double kThinnest = 0.15;  // percent; of a bar
constexpr int kTicks = 6;

// A round number of seconds, so that so many steps of it cover the length.
double tick_step(double length) {
  const double least = length / kTicks;
  const double power = std::pow(10, std::floor(std::log10(least)));
  for (const double factor : {1.0, 2.0, 5.0}) {
    if (factor * power >= least) return factor * power;
  }
  return 10 * power;
}

}  // namespace

std::string fixed(double value, int digits) {
  char text[32];
  std::snprintf(text, sizeof text, "%.*f", digits, value);
  return text;
}

Picture::Picture(double length) : length_(std::max(length, 0.1)) {}

double Picture::percent(double at) const {
  return 100 * std::clamp(at / length_, 0.0, 1.0);
}

void Picture::lane(const std::string& name, double height) {
  if (height_ > 0) top_ += kName + height_ + kSpace;
  height_ = height;
  names_ << "<text class=\"name\" x=\"0\" y=\"" << fixed(top_ + 12) << "\">" << escaped(name)
         << "</text>\n";
  bars_ << "<rect class=\"track\" x=\"0\" width=\"100%\" y=\"" << fixed(top_ + kName)
        << "\" height=\"" << fixed(height) << "\"/>\n";
}

void Picture::bar(double from, double until, double height, const std::string& style,
                  const std::string& title, const std::string& text) {
  const double x = std::min(percent(from), 100 - kThinnest);
  const double width = std::max(percent(until) - x, kThinnest);
  const double y = top_ + kName + height_ - height;
  bars_ << "<rect class=\"" << style << "\" x=\"" << fixed(x) << "%\" width=\"" << fixed(width)
        << "%\" y=\"" << fixed(y) << "\" height=\"" << fixed(height) << "\"><title>"
        << escaped(title) << "</title></rect>\n";
  const double needed = kGlyph * static_cast<double>(text.size()) + kPadding;
  if (text.empty() || needed > width / 100 * kWide) return;
  const bool always = needed <= width / 100 * kNarrow;
  names_ << "<text class=\"in" << (always ? "" : " wide") << "\" text-anchor=\"middle\" x=\""
         << fixed(x + width / 2) << "%\" y=\"" << fixed(y + height / 2 + 4) << "\">"
         << escaped(text) << "</text>\n";
}

void Picture::write_grid(std::ostringstream& out) const {
  const double bottom = top_ + kName + height_;
  const double step = tick_step(length_);
  for (double at = 0; at <= length_; at += step) {
    const std::string x = fixed(percent(at)) + "%";
    out << "<line class=\"grid\" x1=\"" << x << "\" x2=\"" << x << "\" y1=\"0\" y2=\""
        << fixed(bottom + 5) << "\"/>\n";
    // One that would stand over the edge has its line only.
    if (at > 0 && percent(at) > 94) continue;
    out << "<text class=\"tick\" x=\"" << x << "\" y=\"" << fixed(bottom + 19)
        << "\" text-anchor=\"" << (at > 0 ? "middle" : "start") << "\">"
        << fixed(at, step < 1 ? 1 : 0) << " s</text>\n";
  }
}

std::string Picture::finish(const std::string& title, const std::string& about) {
  const double bottom = top_ + kName + height_;
  std::ostringstream svg;
  svg << "<svg class=\"lanes\" width=\"100%\" height=\"" << fixed(bottom + kAxis)
      << "\" role=\"img\" aria-labelledby=\"picture-title picture-about\">\n"
      << "<title id=\"picture-title\">" << escaped(title) << "</title>\n"
      << "<desc id=\"picture-about\">" << escaped(about) << "</desc>\n"
      << "<defs><pattern id=\"hatch\" width=\"6\" height=\"6\" patternUnits=\"userSpaceOnUse\" "
      << "patternTransform=\"rotate(45)\"><rect class=\"track\" width=\"6\" height=\"6\"/>"
      << "<rect class=\"failed\" width=\"3\" height=\"6\"/></pattern></defs>\n";
  write_grid(svg);
  svg << bars_.str();
  for (const double at : marks_) {
    const std::string x = fixed(percent(at)) + "%";
    svg << "<line class=\"mark\" x1=\"" << x << "\" x2=\"" << x << "\" y1=\"0\" y2=\""
        << fixed(bottom) << "\"/>\n";
  }
  svg << names_.str() << "</svg>\n";
  return svg.str();
}

}  // namespace regent
