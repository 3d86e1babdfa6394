/* Is a request that changes something really from a page of ours, or from a program? Pure. */
#pragma once
#include "server/http_request.h"

/* Sec-Fetch-Site or Origin says that a page of another origin asks. */
bool http_origin_is_another(const http_request *request);
/* True: refuse it (403). A browser tells with Sec-Fetch-Site or Origin; whoever sends neither must
 * have done what a foreign page cannot do without asking first: sent a body whose type is no
 * form's, or used a method that is no form's.
 * source Fetch standard, "CORS-safelisted request-header"; W3C Fetch Metadata */
bool http_origin_is_foreign(const http_request *request);
