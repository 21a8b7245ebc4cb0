#include <gtest/gtest.h>

#include <algorithm>
#include <string>
#include <vector>

#include "tests/unit/topology/topology_cases.h"
#include "topology/load.h"

// Rules as text: each file under cases/ holds topologies and, below "----", every finding about
// them. "====" separates the cases; lines that start with "##" are comments of the case.
namespace regent {
namespace {

struct Case {
  int line = 0;
  std::string yaml;
  std::string expected;
};

std::vector<Case> read_cases(const std::string& file) {
  std::istringstream in(read_case(file));
  std::vector<Case> cases(1);
  cases.back().line = 1;
  bool body = true;
  std::string line;
  for (int number = 1; std::getline(in, line); ++number) {
    if (line == "====") {
      cases.emplace_back().line = number + 1;
      body = true;
    } else if (line == "----") {
      body = false;
    } else if (!body) {
      cases.back().expected += line + "\n";
    } else if (!line.starts_with("##")) {
      cases.back().yaml += line + "\n";
    }
  }
  return cases;
}

std::string findings_of(const std::string& yaml) {
  const LoadedTopology loaded = parse_topology(yaml, "t.yaml");
  std::string out;
  for (const Finding& error : loaded.errors) out += "error " + error.message() + "\n";
  for (const Finding& warning : loaded.warnings) out += "warning " + warning.message() + "\n";
  return out.empty() ? "good\n" : out;
}

class FindingsTest : public testing::TestWithParam<std::string> {};

TEST_P(FindingsTest, MatchTheCases) {
  const std::vector<Case> cases = read_cases(GetParam());
  ASSERT_GE(cases.size(), 5U);
  for (const Case& one : cases) {
    EXPECT_EQ(findings_of(one.yaml), one.expected)
        << (cases_folder() / GetParam()).string() << ":" << one.line << "\n"
        << one.yaml;
  }
}

INSTANTIATE_TEST_SUITE_P(Files, FindingsTest,
                         testing::Values("values.txt", "shape.txt", "checks.txt", "advice.txt"),
                         [](const auto& file) {
                           return file.param.substr(0, file.param.find('.'));
                         });

TEST(FindingsTest, EveryFileOfCasesIsRun) {
  std::vector<std::string> files;
  for (const auto& entry : std::filesystem::directory_iterator(cases_folder())) {
    if (entry.path().extension() == ".txt") files.push_back(entry.path().filename());
  }
  std::sort(files.begin(), files.end());
  EXPECT_EQ(files,
            (std::vector<std::string>{"advice.txt", "checks.txt", "shape.txt", "values.txt"}));
}

}  // namespace
}  // namespace regent
