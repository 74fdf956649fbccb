// SPDX-License-Identifier: MIT
#include <iostream>
#include <zcnet/zcnet.hpp>

int main() {
    const zcnet::Loop loop;
    std::cout << "libzcnet " << zcn_version_text() << '\n';
    return zcn_version() == ZCN_VERSION_NUMBER ? 0 : 1;
}
