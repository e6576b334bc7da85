#pragma once
#define CURL_DISABLE_TYPECHECK
#define CURL_DISABLE_DEPRECATION
#include <curl/curl.h>

// Variadics, which Swift does not import: one function for each type of argument.

static inline CURLcode ccurl_set_number(CURL *transfer, CURLoption option, long value) {
    return curl_easy_setopt(transfer, option, value);
}

static inline CURLcode ccurl_set_size(CURL *transfer, CURLoption option, curl_off_t value) {
    return curl_easy_setopt(transfer, option, value);
}

/// The library copies the text.
static inline CURLcode ccurl_set_text(CURL *transfer, CURLoption option, const char *value) {
    return curl_easy_setopt(transfer, option, value);
}

/// The library keeps the address.
static inline CURLcode ccurl_set_object(CURL *transfer, CURLoption option, const void *value) {
    return curl_easy_setopt(transfer, option, value);
}

/// For CURLOPT_WRITEFUNCTION and CURLOPT_HEADERFUNCTION.
static inline CURLcode ccurl_on_bytes(CURL *transfer, CURLoption option, curl_write_callback call) {
    return curl_easy_setopt(transfer, option, call);
}

static inline CURLcode ccurl_on_socket_open(CURL *transfer, curl_opensocket_callback call) {
    return curl_easy_setopt(transfer, CURLOPT_OPENSOCKETFUNCTION, call);
}

/// Called when the connection stands, new or used before, and nothing was sent on it.
static inline CURLcode ccurl_on_connected(CURL *transfer, curl_prereq_callback call) {
    return curl_easy_setopt(transfer, CURLOPT_PREREQFUNCTION, call);
}

static inline CURLcode ccurl_get_number(CURL *transfer, CURLINFO info, long *value) {
    return curl_easy_getinfo(transfer, info, value);
}

static inline CURLcode ccurl_get_size(CURL *transfer, CURLINFO info, curl_off_t *value) {
    return curl_easy_getinfo(transfer, info, value);
}

static inline CURLMcode ccurl_multi_set_number(CURLM *multi, CURLMoption option, long value) {
    return curl_multi_setopt(multi, option, value);
}

/// Both callbacks get the context; NULL takes them away.
static inline CURLMcode ccurl_multi_on_socket(
    CURLM *multi, curl_socket_callback call, void *context) {
    curl_multi_setopt(multi, CURLMOPT_SOCKETDATA, context);
    return curl_multi_setopt(multi, CURLMOPT_SOCKETFUNCTION, call);
}

static inline CURLMcode ccurl_multi_on_timer(
    CURLM *multi, curl_multi_timer_callback call, void *context) {
    curl_multi_setopt(multi, CURLMOPT_TIMERDATA, context);
    return curl_multi_setopt(multi, CURLMOPT_TIMERFUNCTION, call);
}

/// Drives every transfer, whatever it waits for, and tells of its sockets. curl_multi_perform() would not
/// tell; of the calls that do, this alone leaves out no transfer that waits for nothing.
static inline CURLMcode ccurl_multi_look_at_all(CURLM *multi, int *running) {
    return curl_multi_socket_all(multi, running);
}
