cpdef step_function(function)
