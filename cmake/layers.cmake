option(DSRUN_UNITE "Compile files of a layer together: a fraction of the time, but all of a unit again for every edit" ON)

# How every target is compiled, and dsrun_layer(), which makes a folder a library.
add_library(dsrun_options INTERFACE)
target_include_directories(dsrun_options INTERFACE ${CMAKE_SOURCE_DIR})
target_compile_options(dsrun_options INTERFACE
  $<$<COMPILE_LANGUAGE:CXX>:-Wall -Wextra $<IF:$<BOOL:${DSRUN_UNITE}>,-Wshadow=local,-Wshadow> -Werror
  # False alarms of g++ 12 inside the standard library's strings and variants:
  -Wno-restrict -Wno-maybe-uninitialized>)
target_link_libraries(dsrun_options INTERFACE Threads::Threads)
if(DSRUN_NATIVE)
  target_compile_options(dsrun_options INTERFACE $<$<COMPILE_LANGUAGE:CXX>:-march=native>)
endif()
if(DSRUN_SANITIZE)
  string(REPLACE "," ";" sanitizers ${DSRUN_SANITIZE})
  foreach(sanitizer ${sanitizers})
    target_compile_options(dsrun_options INTERFACE
      $<$<AND:$<COMPILE_LANGUAGE:CXX>,$<NOT:$<IN_LIST:${sanitizer},$<TARGET_PROPERTY:DSRUN_NOT_SANITIZED>>>>:-fsanitize=${sanitizer}>)
  endforeach()
  target_compile_options(dsrun_options INTERFACE
    $<$<COMPILE_LANGUAGE:CXX>:-fno-omit-frame-pointer -fno-sanitize-recover=all>)
  target_link_options(dsrun_options INTERFACE -fsanitize=${DSRUN_SANITIZE})
endif()

# For tests themselves, and for shells around CAF: -fsanitize=undefined takes almost half of their time. What they test, and
# the cores, are compiled with it.
function(dsrun_without_ubsan)
  set_target_properties(${ARGN} PROPERTIES DSRUN_NOT_SANITIZED undefined)
endfunction()

# Neighbouring rooms, fourteen files or more, become one translation unit. Two of its files therefore cannot give two things
# one name, not even in anonymous namespaces; and since a file may then lean on another's includes, `./dev test --long`
# compiles each file alone.
function(dsrun_unite target)
  if(NOT DSRUN_UNITE)
    return()
  endif()
  set(room "")
  set(size 14)
  foreach(source ${ARGN})
    get_filename_component(folder ${source} DIRECTORY)
    if((size GREATER_EQUAL 14 AND NOT folder STREQUAL room) OR size EQUAL 20)
      file(RELATIVE_PATH path ${CMAKE_SOURCE_DIR} ${source})
      string(MAKE_C_IDENTIFIER ${path} unit)
      set(size 0)
    endif()
    set(room ${folder})
    math(EXPR size "${size} + 1")
    set_source_files_properties(${source} PROPERTIES UNITY_GROUP ${unit})
  endforeach()
  set_target_properties(${target} PROPERTIES UNITY_BUILD ON UNITY_BUILD_MODE GROUP)
  target_compile_options(${target} PRIVATE -Wno-subobject-linkage)  # g++ takes a united file for a header
endfunction()

# dsrun_layer(NAME DIR folder [LINK layers and public libraries] [PRIVATE libraries] [EXCLUDE subfolders])
function(dsrun_layer name)
  cmake_parse_arguments(arg "" "DIR" "LINK;PRIVATE;EXCLUDE" ${ARGN})
  file(GLOB_RECURSE sources CONFIGURE_DEPENDS ${arg_DIR}/*.cpp)
  foreach(excluded ${arg_EXCLUDE})
    list(FILTER sources EXCLUDE REGEX "/${arg_DIR}/${excluded}/")
  endforeach()
  add_library(dsrun_${name} STATIC ${sources})
  list(TRANSFORM arg_LINK REPLACE "^(schedule|dsl|models|cluster|runtime|transport|cores|actors|processes|feed)$" "dsrun_\\1")
  target_link_libraries(dsrun_${name}
    PUBLIC ${arg_LINK} fmt::fmt nlohmann_json::nlohmann_json
    PRIVATE dsrun_options ${arg_PRIVATE})
  dsrun_unite(dsrun_${name} ${sources})
endfunction()

# dsrun_test(NAME LINK libraries LABEL label): tests/NAME/*.cpp become the test program test_NAME; the target tests_LABEL
# builds all programs of a label.
function(dsrun_test name)
  cmake_parse_arguments(arg "" "LABEL" "LINK" ${ARGN})
  file(GLOB_RECURSE sources CONFIGURE_DEPENDS ${CMAKE_SOURCE_DIR}/tests/${name}/*.cpp)
  if(NOT sources)
    return()
  endif()
  add_executable(test_${name} ${sources})
  dsrun_unite(test_${name} ${sources})
  target_link_libraries(test_${name} PRIVATE ${arg_LINK} dsrun_options GTest::gmock GTest::gtest GTest::gtest_main)
  dsrun_without_ubsan(test_${name})
  target_compile_options(test_${name} PRIVATE -O0)  # most run once a compilation
  target_compile_definitions(test_${name} PRIVATE DSRUN_SOURCE_DIR="${CMAKE_SOURCE_DIR}")
  gtest_discover_tests(test_${name} NO_PRETTY_VALUES PROPERTIES LABELS "${arg_LABEL}" DISCOVERY_TIMEOUT 60)
  if(NOT TARGET tests_${arg_LABEL})
    add_custom_target(tests_${arg_LABEL})
  endif()
  add_dependencies(tests_${arg_LABEL} test_${name})
endfunction()
