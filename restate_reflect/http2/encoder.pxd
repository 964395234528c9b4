cpdef bytes response_block(status, headers)
cpdef bytes trailer_block(trailers)
