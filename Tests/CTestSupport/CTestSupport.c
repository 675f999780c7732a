int cts_placeholder;
