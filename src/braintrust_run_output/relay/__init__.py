"""The relay: for traces whose root and whose model call are in different processes or languages.

It stands between services, or the OpenTelemetry Collector that they export to, and Braintrust. Spans that have a parent
go on at once; root spans wait until their trace has been quiet for some seconds, and go on with the run's output.

Needs the ``relay`` extra: ``pip install 'braintrust-run-output[relay]'``.
"""
