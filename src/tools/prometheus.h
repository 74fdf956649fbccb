// SPDX-License-Identifier: MIT
// Counters of a loop in the text format of Prometheus.
#pragma once

#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "stat_page.h"

namespace tool {

using Labels = std::vector<std::pair<std::string, std::string>>;

// NAME=VALUE of the command line, behind those that came before. Throws UsageError.
void add_label(Labels *labels, std::string_view text);

// Each metric with a line of help, in base units, with all the labels. Throws Failure for a page that would give one
// name twice.
std::string prometheus(const StatPage &page, const Labels &labels);

}  // namespace tool
