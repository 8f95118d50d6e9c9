"""From a configuration to a submission on Kaggle: wheels, kernels, a rehearsal, and the way there.

Everything is built and rehearsed on the user's own machine; what is sent goes through Kaggle's
own command line, and nothing else here touches the network.
"""
