/* Resumable uploads: tus 1.0.0 with the extensions creation, termination and expiration, beside
 * the upload in one body.
 *
 *   OPTIONS /v1/uploads      what is offered
 *   POST    /v1/uploads      Upload-Length, Upload-Metadata -> 201, Location: /v1/uploads/ID
 *   HEAD    /v1/uploads/ID   Upload-Offset: what is synced
 *   PATCH   /v1/uploads/ID   the bytes from Upload-Offset on -> 204, Upload-Offset
 *   DELETE  /v1/uploads/ID
 *
 * On the disk: uploads/ID.part, its size the offset, or uploads/ID when it is whole, and
 * uploads/ID.tus with length and metadata. Nothing else is remembered, so a restart, another
 * server over the same folder or kill -9 change nothing. Who writes holds a lock on ID.part.
 * source tus resumable upload protocol 1.0.0, tus.io/protocols/resumable-upload */
#pragma once
#include "server/jobs/jobs_state.h"

/* Is this request tus', by its path (below "/v1") and headers? Such a one cannot be a form's. */
bool job_tus_meant(nf_bytes path, const http_request *request);
void job_tus_reply(jobs *j, nf_bytes path, const http_request *request, http_reply *reply);
/* Blocks. Is ID.tus (a path) of an upload that is not there any more? */
bool job_tus_is_orphan(const char *path);
