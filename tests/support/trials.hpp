// How many random cases a test tries.
#pragma once

namespace dsrun::test {

// `all` of them, and a quarter under a sanitizer: what is right is decided in the release build, and a sanitizer sees
// the same lines of code in fewer cases.
constexpr int trials(int all) {
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
  return all / 4;
#else
  return all;
#endif
}

}  // namespace dsrun::test
